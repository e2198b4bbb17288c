import { races } from './support/races.js';

races(1000);
