"""What an instructor takes along, made from a lab: nothing here is written twice.

lesson     a lab's parts: headings, prose, predictions, exercises, pictures
run_sheet  minutes, where to collect guesses, what people answer and what to say
rubric     how to grade *Decide*, with the sample answer
solved     the lab with every exercise solved
slides     what the room looks at together, as one HTML file that needs no network
markup     Markdown and formulas as HTML, for the slides
"""
