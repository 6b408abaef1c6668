// from: names that are put together
// expect: denied call-denied:4 call-denied:5
const parts = ["e", "v", "a", "l"];
globalThis[parts.join("")]("1");
globalThis[String.fromCharCode(101, 118, 97, 108)]("1");
