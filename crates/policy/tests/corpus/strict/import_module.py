# from: a list of things that a check of names must see through
# expect: denied import-not-allowed:3 import-not-allowed:4
import importlib
importlib.import_module('o' + 's').system('id')
