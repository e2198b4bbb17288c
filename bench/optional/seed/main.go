// The Go package that express-sse-hub took its ideas from, as a target of the benchmark: it answers
// the calls that server.mjs answers, in lines of JSON over standard input and output. Linux only,
// for its clock has to be that of the other processes.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"github.com/lorciv/sse"
)

type call struct {
	ID     int    `json:"id"`
	Method string `json:"method"`
	Args   struct {
		Count    int64   `json:"count"`
		Pace     string  `json:"pace"`
		Size     int     `json:"size"`
		Events   int     `json:"events"`
		Each     int     `json:"each"`
		Interval float64 `json:"interval"`
	} `json:"args"`
}

// listeners counts who was let in, as the stream tells nobody but its logger.
type listeners struct{ count atomic.Int64 }

func (l *listeners) Write(line []byte) (int, error) {
	if strings.HasPrefix(string(line), "new listener") {
		l.count.Add(1)
	}
	return len(line), nil
}

var (
	stream   *sse.Stream
	clients  listeners
	sequence int
	spentAt  int64
)

func main() {
	input := bufio.NewScanner(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var c call
		if err := json.Unmarshal(input.Bytes(), &c); err != nil {
			log.Fatal(err)
		}
		answer := map[string]any{"id": c.ID}
		if result, err := answerTo(c); err != nil {
			answer["error"] = err.Error()
		} else {
			answer["result"] = result
		}
		if err := output.Encode(answer); err != nil {
			log.Fatal(err)
		}
	}
}

func answerTo(c call) (any, error) {
	switch c.Method {
	case "open":
		return open()
	case "connected":
		for clients.count.Load() < c.Args.Count {
			time.Sleep(time.Millisecond)
		}
		return true, nil
	case "send":
		return send(c)
	case "spend":
		spentAt = used()
		return true, nil
	case "spent":
		return map[string]int64{"cpu": used() - spentAt}, nil
	case "close":
		return true, nil
	}
	return nil, fmt.Errorf("%s: not for this target", c.Method)
}

func open() (any, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	stream = sse.NewStream(sse.WithLogger(log.New(&clients, "", 0)))
	go http.Serve(listener, stream)
	return map[string]int{"port": listener.Addr().(*net.TCPAddr).Port}, nil
}

func send(c call) (any, error) {
	startedAt := micros()
	answer := map[string]any{"startedAt": startedAt}
	switch c.Args.Pace {
	case "paced":
		var latest int64
		for event := 0; event < c.Args.Events; event++ {
			due := startedAt + int64(float64(event)*c.Args.Interval*1000)
			time.Sleep(time.Duration(due-micros()) * time.Microsecond)
			if late := micros() - due; late > latest {
				latest = late
			}
			sendNext(c.Args.Size)
		}
		answer["latest"] = latest
	case "turns":
		for event := 0; event < c.Args.Events; event++ {
			sendNext(c.Args.Size)
			// What comes closest to a turn of an event loop.
			if (event+1)%c.Args.Each == 0 {
				runtime.Gosched()
			}
		}
	case "awaited":
		for event := 0; event < c.Args.Events; event++ {
			sendNext(c.Args.Size)
		}
	default:
		return nil, fmt.Errorf("%s: no pace of this target", c.Args.Pace)
	}
	answer["total"] = sequence
	return answer, nil
}

// sendNext sends what message.mjs would make. It waits for room in the stream's queue.
func sendNext(size int) {
	header := fmt.Sprintf("|%08d%015d", sequence, micros())
	sequence++
	data := header + strings.Repeat("x", size-len(header))
	if err := stream.Send(context.Background(), []byte(data)); err != nil {
		log.Fatal(err)
	}
}

// micros is the clock of process.hrtime: Go shows its own only as differences.
func micros() int64 {
	const monotonic = 1
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, monotonic, uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano() / 1000
}

// used is the CPU time of this process, user and system, in microseconds.
func used() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
}
