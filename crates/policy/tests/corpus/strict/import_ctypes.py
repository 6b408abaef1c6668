# from: a list of things that a check of names must see through
# expect: denied import-not-allowed:3
import ctypes
