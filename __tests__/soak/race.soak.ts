import { races } from '../support/races.js';

races(10_000);
