"""Exercises of 00 Start here."""

from .grading import number

# σ̇ of two beads at T_c = 1 and T_h = 5, read off a figure.
check_00_1 = number(
    0.8,
    (2.025, "this is σ̇ at T_h = 10; move the slider to 5."),
    (8.0, "this is about what ΔS reaches at t = 10; σ̇ is its growth per time unit."),
    (-1.0, "this is the swept area per time unit; σ̇ stands above the right panel."),
    (1.0, "this is the swept area per time unit; σ̇ stands above the right panel."),
    otherwise="read the number after σ̇, above the right panel, with T_h = 5 above the left.",
    means="Half the temperature, but much less than half of the 2.025 at T_h = 10.",
)

# Heat absorbed from the hot bath per unit time, T_c = 1, T_h = 10.
check_00_2 = number(
    2.25,
    (-2.25, "sign: Q counts as positive when the beads absorb it, and the hot bath gives."),
    (0.225, "this is Q_h/T_h, an entropy; the heat itself is asked for."),
    (22.5, "this is the heat of a whole path of 10 time units; give it per time unit."),
    (0.0225, "this is the heat of one step of 0.01; give it per time unit."),
    (2.025, "this is σ̇; divide it by 1/T_c − 1/T_h."),
    rtol=0.06,  # a measured value may be given: 2 % hide between frames, and 2 % is noise
    otherwise="put Q_c = −Q_h into σ̇ = −(Q_c/T_c + Q_h/T_h) and solve for Q_h.",
    means="The hot bath loses what the cold one gains; entropy grows since the cold one gains "
    "more.",
)

# Entropy per unit time in the film of bead 2 alone.
check_00_3 = number(
    0.0,
    (2.025, "that takes both beads: the arrow is in a circle, and a line has none."),
    (1.0125, "half of the beads does not mean half of the entropy; what goes round now?"),
    (-0.225, "this is what the hot bath loses; its heat needs the force of the hidden bead."),
    otherwise="your estimate agrees with an exact number, within its error: which one?",
    means="The beads make as much as before, and you cannot see it: what is seen is a lower bound.",
)
