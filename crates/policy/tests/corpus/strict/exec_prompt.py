# from: pyjail write-ups: IPython strips prompts
# expect: denied call-denied:3
>>> exec('1')
... 2
