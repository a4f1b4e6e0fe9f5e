"""A class on one server: students with keys and budgets, a policy, a fair queue, and one key upstream that no student sees.

`schema` has the tables of a class's folder, `roster` its students and settings, `policy` what every task of a student is
made to be, `line` the queue, `accounting` the money and the tasks on disk, `upstream` the real service, `gateway` answers
the students' tasks, `pages` are for a browser, `commands` for a shell. It needs the extra `serve`.
"""
