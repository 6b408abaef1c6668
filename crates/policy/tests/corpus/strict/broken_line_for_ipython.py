# from: found by fuzzing: the parser must not break down
# expect: denied syntax:3
deinp[T: e   ,names ):
    ,pass
!ls
