#!/usr/bin/env node
// there before anything is built, so that an install in the repository can link it
import '../dist/cli.js';
