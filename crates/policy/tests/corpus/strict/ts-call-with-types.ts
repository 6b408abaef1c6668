// from: as JavaScript these are comparisons, as TypeScript they are calls
// expect: denied call-denied:3 import-not-allowed:4
eval<string>("1")
require<any>("fs")
