// from: a function taken out of a module under another name
// expect: denied import-not-allowed:3 shell-denied:4
const { exec: run } = require("node:child_process");
run("id");
