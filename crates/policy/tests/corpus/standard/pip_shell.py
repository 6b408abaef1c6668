# from: installing fails without a network
# expect: allowed
!pip install rich
!ls -l
