# from: pyjail write-ups
# expect: denied call-denied:3
get_ipython().run_cell('import os')
