# from: standard denies nothing, and says that it saw nothing
# expect: allowed language-not-checked:3
system("ls")
