(** * What the theorems rest on

    The real numbers of the standard library, and nothing added here. *)

From Dahlquist Require Rounding Finite Interval Midrad ZeroSNet.

Print Assumptions Rounding.exact_permutation.
Print Assumptions Rounding.gamma_closed.
Print Assumptions Rounding.pow_le_2.
Print Assumptions Rounding.tree_error.
Print Assumptions Rounding.dot_error.
Print Assumptions Rounding.affine_error.
Print Assumptions Rounding.dot_error_2n.
Print Assumptions Rounding.affine_error_2n.
Print Assumptions Rounding.affine_error_closed.
Print Assumptions Rounding.fl_rounds.
Print Assumptions Rounding.fl_add_rounds.
Print Assumptions Rounding.binary64_rounds.
Print Assumptions Rounding.binary32_rounds.
Print Assumptions Rounding.binary64_dot_error.
Print Assumptions Rounding.binary64_affine_error.
Print Assumptions Rounding.binary32_dot_error.
Print Assumptions Rounding.binary32_affine_error.

Print Assumptions Finite.finite_eval.
Print Assumptions Finite.finite64_dot_error.
Print Assumptions Finite.finite64_affine_error.
Print Assumptions Finite.finite32_dot_error.
Print Assumptions Finite.finite32_affine_error.

Print Assumptions Midrad.midrad_exact.
Print Assumptions Midrad.midrad_row.
Print Assumptions Midrad.midrad_row_binary64.
Print Assumptions Midrad.inflate.
Print Assumptions Midrad.radius_row.
Print Assumptions Midrad.midrad_affine.

Print Assumptions Interval.propagate_sound.
Print Assumptions Interval.propagates_sound.
Print Assumptions Interval.relu_relaxation.
Print Assumptions Interval.back_relu_sound.
Print Assumptions Interval.back_affine_exact.
Print Assumptions Interval.backward_sound.
Print Assumptions Interval.crown_sound.
Print Assumptions Interval.absorb.

Print Assumptions ZeroSNet.peval_derivative.
Print Assumptions ZeroSNet.consistent.
Print Assumptions ZeroSNet.first_order.
Print Assumptions ZeroSNet.second_order.
Print Assumptions ZeroSNet.jury.
Print Assumptions ZeroSNet.zero_stable_iff.
