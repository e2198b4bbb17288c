module express-sse-hub/bench/seed

go 1.19

require github.com/lorciv/sse v0.0.0

replace github.com/lorciv/sse => github.com/WheeskyJack/sse v0.0.0-20240127140044-20ce67df9f34
