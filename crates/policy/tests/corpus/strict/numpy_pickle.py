# from: smolagents: escapes of its local Python executor
# expect: denied call-denied:4
import numpy as np
np.load('x.npy', allow_pickle=True)
np.load('x.npy', allow_pickle=False)
