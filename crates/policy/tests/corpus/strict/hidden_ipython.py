# from: pyjail write-ups
# expect: denied call-denied:4
import IPython.display
IPython.display.get_ipython().system('id')
