"""supervisord (https://supervisord.org), with two things that it lacks.

programs  a program that dies again and again is started after longer and longer pauses
pauses    how long these are (pure)
log_file  a log that cannot be written, on a full disk say, does not end supervisord, nor hold up the program
"""
