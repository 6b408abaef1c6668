# from: there is no parser for R, so strict denies whatever it is
# expect: denied language-not-checked:3
mean(c(1, 2))
