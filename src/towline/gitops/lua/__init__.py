"""Scripts in Lua that judge objects and act on them: compatible with Argo CD's, sandboxed. Pure.

A script gets a runtime of its own, with little memory and a bounded number of instructions. What
these bounds miss (patterns that backtrack without end inside one library call) needs a process
around it that can be killed: `towline.workers.scripts`.
"""
