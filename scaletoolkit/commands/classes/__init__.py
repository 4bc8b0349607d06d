"""What `python -m scaletoolkit class` can do, a file a command of its own, formed like the others.

All of them are imported when one is called, so what is slow to import is imported where it is used.

picture  everybody's guesses against everybody's measurements
kit      run sheet, rubric, solved notebook and slides of a lab
export   a lab's exercises for nbgrader
grade    what a class handed in, judged without trusting it
"""
