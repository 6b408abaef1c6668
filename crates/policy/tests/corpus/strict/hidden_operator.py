# from: smolagents: escapes of its local Python executor
# expect: denied import-not-allowed:4
import fractions
fractions.operator.attrgetter('__cla' + 'ss__')(1)
