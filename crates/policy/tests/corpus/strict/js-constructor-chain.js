// from: the way out of Node's vm module by a value's constructor, as in vm2's advisories
// expect: denied call-denied:3
const host = this.constructor.constructor("return process")();
host.mainModule.require("child_process").execSync("id");
