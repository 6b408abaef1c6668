# from: pyjail write-ups
# expect: denied call-denied:3
get_ipython().system('id')
