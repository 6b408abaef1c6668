// from: identifiers with Unicode escapes, texts with hexadecimal ones
// expect: denied call-denied:3 call-denied:4
\u0065val("1");
globalThis["\x65val"]("2");
