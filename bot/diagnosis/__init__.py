"""What is wrong with a workload, told from what can be read: evidence, findings, report. Holds readers only.

`collecting` reads a cluster into `evidence`; `findings` names the failures in it, without a model and without I/O;
`report` says it to people. Nothing in here has a verb that writes.
"""
