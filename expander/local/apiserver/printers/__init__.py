"""Tables: the columns and rows that ``kubectl get`` shows, as kube-apiserver's printers make them.

Pure: objects and the time go in. The descriptions of columns are our own.
"""
