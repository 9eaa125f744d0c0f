(** * Midpoint-radius affine maps

    A box is stored as its midpoint [c] and its radius [r]. The midpoint of the
    image is a floating-point product computed in any summation order; its
    rounding error is added to the radius [|A| r]. *)

From Coq Require Import Reals List Permutation Lra Lia.
From Flocq Require Import Core.
From Dahlquist Require Import Rounding Interval.
Import ListNotations.
Open Scope R_scope.

(** [close x c r]: [|x_i - c_i| <= r_i] for every component. *)
Inductive close : list R -> list R -> list R -> Prop :=
  | close_nil : close [] [] []
  | close_cons x c r xs cs rs :
      Rabs (x - c) <= r -> close xs cs rs -> close (x :: xs) (c :: cs) (r :: rs).

Definition vabs (v : list R) : list R := map Rabs v.

(** ** Exact midpoint *)

Lemma row_radius w x c r :
  close x c r -> Rabs (dotv w x - dotv w c) <= dotv (vabs w) r.
Proof.
  intros H. revert w. induction H as [|x c r xs cs rs Hx _ IH]; intros [|a w]; simpl;
    try (rewrite Rminus_0_r, Rabs_R0; lra).
  replace (a * x + dotv w xs - (a * c + dotv w cs))
    with (a * (x - c) + (dotv w xs - dotv w cs)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; [|apply IH].
  rewrite Rabs_mult. apply Rmult_le_compat_l; auto using Rabs_pos.
Qed.

(** [|A| r]. *)
Definition radius (A : affine) (r : list R) : list R :=
  map (fun row => dotv (vabs (fst row)) r) A.

Theorem midrad_exact A x c r :
  close x c r -> close (apply A x) (apply A c) (radius A r).
Proof.
  intros H. induction A as [|[w b] A IH]; simpl; constructor; auto. simpl.
  replace (dotv w x + b - (dotv w c + b)) with (dotv w x - dotv w c) by ring.
  now apply row_radius.
Qed.

(** ** Computed midpoint *)

Lemma dotv_dot w x : dotv w x = dot (combine w x).
Proof.
  revert x. induction w as [|a w IH]; intros [|y x]; try reflexivity.
  cbn [dotv combine]. rewrite IH. reflexivity.
Qed.

Lemma dotv_absdot w x : dotv (vabs w) (vabs x) = absdot (combine w x).
Proof.
  revert x. induction w as [|a w IH]; intros [|y x]; try reflexivity.
  cbn [vabs map dotv combine]. fold (vabs w). fold (vabs x). rewrite IH. reflexivity.
Qed.

(** The terms [w_i c_i] that a summation tree for one row combines. *)
Definition terms (w c : list R) : list R := map (fun p => fst p * snd p) (combine w c).

(** One row: [v] is any value computed for [w c + b]. *)
Theorem midrad_row u eta_mul eta_add w b x c r t v :
  0 <= u -> 0 <= eta_mul -> 0 <= eta_add ->
  length w = length c -> close x c r ->
  Permutation (products t) (terms w c) -> numbers t = [b] ->
  computes u eta_mul eta_add t v ->
  let n := length w in
  Rabs (dotv w x + b - v) <=
    dotv (vabs w) r
    + gamma u (n + 1) * (dotv (vabs w) (vabs c) + Rabs b)
    + INR n * (eta_mul + eta_add) * (1 + u) ^ (n + 1).
Proof.
  intros Hu Hm Ha Hlen Hx Hp Hb Hc n.
  pose proof (affine_error u eta_mul eta_add Hu Hm Ha (combine w c) b t v Hp Hb Hc) as E.
  cbv zeta in E. rewrite combine_length, <- Hlen, Nat.min_id in E. fold n in E.
  rewrite <- dotv_dot, <- dotv_absdot in E.
  replace (dotv w x + b - v)
    with ((dotv w x - dotv w c) + - (v - (dotv w c + b))) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
  pose proof (row_radius w x c r Hx). lra.
Qed.

(** The same with binary64 arithmetic; the tree may contain zero padding and
    accumulators started at zero. *)
Theorem midrad_row_binary64 w b x c r t :
  length w = length c -> close x c r -> format64 b ->
  Permutation (nonzero (products t)) (nonzero (terms w c)) ->
  nonzero (numbers t) = nonzero [b] ->
  let n := length w in
  Rabs (dotv w x + b - eval fl64 t) <=
    dotv (vabs w) r
    + gamma u64 (n + 1) * (dotv (vabs w) (vabs c) + Rabs b)
    + INR n * eta64 * (1 + u64) ^ (n + 1).
Proof.
  intros Hlen Hx Hfb Hp Hb n.
  pose proof (binary64_affine_error (combine w c) b t Hfb Hp Hb) as E.
  cbv zeta in E. rewrite combine_length, <- Hlen, Nat.min_id in E. fold n in E.
  rewrite <- dotv_dot, <- dotv_absdot in E.
  replace (dotv w x + b - eval fl64 t)
    with ((dotv w x - dotv w c) + - (eval fl64 t - (dotv w c + b))) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
  pose proof (row_radius w x c r Hx). lra.
Qed.

(** ** Computed radius *)

(** A sum of nonnegative terms computed with relative error [g] bounds the exact
    sum after inflation: nothing else is needed to evaluate a radius in
    floating-point arithmetic to nearest. *)
Theorem inflate g e s v :
  0 <= g < 1 -> Rabs (v - s) <= g * s + e -> s <= (v + e) / (1 - g).
Proof.
  intros [H0 H1] H.
  apply (Rmult_le_reg_r (1 - g)); [lra|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  pose proof (Rle_abs (- (v - s))) as E. rewrite Rabs_Ropp in E. lra.
Qed.

(** [|w| r] from any computed value [v] of it. *)
Theorem radius_row u eta_mul eta_add w r t v :
  0 <= u -> 0 <= eta_mul -> 0 <= eta_add ->
  length w = length r -> Forall (Rle 0) r ->
  Permutation (products t) (terms (vabs w) r) -> numbers t = [] ->
  computes u eta_mul eta_add t v ->
  let n := length w in
  gamma u n < 1 ->
  dotv (vabs w) r <=
    (v + (INR n * eta_mul + INR (n - 1) * eta_add) * (1 + u) ^ n) / (1 - gamma u n).
Proof.
  intros Hu Hm Ha Hlen Hr Hp Hb Hc n Hg.
  apply inflate; [split; auto using gamma_nonneg|].
  pose proof (dot_error u eta_mul eta_add Hu Hm Ha (combine (vabs w) r) t v Hp Hb Hc) as E.
  cbv zeta in E.
  assert (En : length (combine (vabs w) r) = n).
  { unfold vabs. now rewrite combine_length, map_length, <- Hlen, Nat.min_id. }
  rewrite En in E.
  rewrite <- dotv_dot, <- dotv_absdot in E.
  replace (vabs (vabs w)) with (vabs w) in E.
  2:{ unfold vabs. rewrite map_map. apply map_ext. intros a. now rewrite Rabs_Rabsolu. }
  replace (vabs r) with r in E; [exact E|].
  clear - Hr. induction Hr as [|a r Ha _ IH]; simpl; [reflexivity|].
  f_equal; [now rewrite Rabs_pos_eq|exact IH].
Qed.

(** The whole map: if every row's midpoint is some computed value and every row's
    radius is at least the bound of [midrad_row], the image is enclosed. *)
Inductive enclosed (u eta_mul eta_add : R) (c r : list R) : affine -> list R -> list R -> Prop :=
  | enclosed_nil : enclosed u eta_mul eta_add c r [] [] []
  | enclosed_cons w b A t v vs d ds :
      length w = length c ->
      Permutation (products t) (terms w c) -> numbers t = [b] ->
      computes u eta_mul eta_add t v ->
      dotv (vabs w) r
        + gamma u (length w + 1) * (dotv (vabs w) (vabs c) + Rabs b)
        + INR (length w) * (eta_mul + eta_add) * (1 + u) ^ (length w + 1) <= d ->
      enclosed u eta_mul eta_add c r A vs ds ->
      enclosed u eta_mul eta_add c r ((w, b) :: A) (v :: vs) (d :: ds).

Theorem midrad_affine u eta_mul eta_add A x c r v d :
  0 <= u -> 0 <= eta_mul -> 0 <= eta_add ->
  close x c r -> enclosed u eta_mul eta_add c r A v d -> close (apply A x) v d.
Proof.
  intros Hu Hm Ha Hx H. induction H; simpl; constructor; auto.
  eapply Rle_trans; [|eassumption]. simpl.
  eapply midrad_row; eassumption.
Qed.
