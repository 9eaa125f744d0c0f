(** * Zero-stability of the one-parameter family of three-step networks

    The network [x_{n+1} = a0 x_n + a1 x_{n-1} + a2 x_{n-2} + b0 F_n(x_n)] has
    the coefficients below. Its homogeneous part is stable when the
    characteristic polynomial satisfies the root condition; for this family
    that means [lambda <= -1] or [lambda > 1/3]. *)

From Coq Require Import Reals List Lra Lia Psatz.
From Coquelicot Require Import Coquelicot.
Import ListNotations.
Open Scope R_scope.

(** ** The root condition *)

(** A polynomial is its list of real coefficients, constant term first. *)
Fixpoint peval (p : list R) (z : C) : C :=
  match p with
  | [] => RtoC 0
  | a :: p' => Cplus (RtoC a) (Cmult z (peval p' z))
  end.

Fixpoint pderiv_from (k : nat) (p : list R) : list R :=
  match p with
  | [] => []
  | a :: p' => INR k * a :: pderiv_from (S k) p'
  end.

(** The formal derivative: [a_k z^k] becomes [k a_k z^(k-1)]. *)
Definition pderiv (p : list R) : list R := pderiv_from 1 (tl p).

(** Every complex root lies in the closed unit disc, and those on the circle
    are simple. *)
Definition root_condition (p : list R) : Prop :=
  forall z : C, peval p z = RtoC 0 ->
    Cmod z <= 1 /\ (Cmod z = 1 -> peval (pderiv p) z <> RtoC 0).

(** The polynomial of [x_{n+1} = a_0 x_n + ... + a_{k-1} x_{n-k+1}]:
    [r^k - a_0 r^(k-1) - ... - a_{k-1}]. *)
Definition characteristic (a : list R) : list R := map Ropp (rev a) ++ [1].

(** The formal derivative is the derivative, so that [pderiv] in the root
    condition means what it should. *)
Lemma pderiv_from_S k p z :
  peval (pderiv_from (S k) p) z = Cplus (peval (pderiv_from k p) z) (peval p z).
Proof.
  revert k. induction p as [|a p IH]; intros k.
  - simpl. now rewrite Cplus_0_r.
  - cbn [pderiv_from peval]. rewrite (IH (S k)), S_INR.
    rewrite !RtoC_mult, RtoC_plus. ring.
Qed.

Lemma peval_derivative p z :
  @is_derive C_AbsRing (AbsRing_NormedModule C_AbsRing) (peval p) z (peval (pderiv p) z).
Proof.
  induction p as [|a p IH].
  - apply (@is_derive_const C_AbsRing (AbsRing_NormedModule C_AbsRing)).
  - assert (E : peval (pderiv (a :: p)) z =
      Cplus (RtoC 0) (Cplus (Cmult (RtoC 1) (peval p z)) (Cmult z (peval (pderiv p) z)))).
    { unfold pderiv. cbn [tl]. destruct p as [|b p].
      - apply injective_projections; simpl; ring.
      - cbn [pderiv_from tl peval]. rewrite (pderiv_from_S 1).
        change (INR 1) with 1. rewrite Rmult_1_l. ring. }
    rewrite E.
    change (@is_derive C_AbsRing (AbsRing_NormedModule C_AbsRing)
      (fun z => plus (RtoC a : C_AbsRing) (mult (z : C_AbsRing) (peval p z))) z
      (plus (zero : C_AbsRing)
        (plus (mult (one : C_AbsRing) (peval p z)) (mult z (peval (pderiv p) z))))).
    apply (@is_derive_plus C_AbsRing (AbsRing_NormedModule C_AbsRing) (fun _ => RtoC a)
             (fun z => mult (z : C_AbsRing) (peval p z))).
    + apply (@is_derive_const C_AbsRing (AbsRing_NormedModule C_AbsRing)).
    + apply (@is_derive_mult C_AbsRing (fun z => z) (peval p) z one (peval (pderiv p) z)).
      * apply (@is_derive_id C_AbsRing).
      * exact IH.
      * intros. apply Cmult_comm.
Qed.

(** ** Real quadratics *)

(** A root of [z^2 + p z + q] in coordinates. *)
Lemma quadratic_coordinates p q (z : C) :
  peval [q; p; 1] z = RtoC 0 <->
  fst z * fst z - snd z * snd z + p * fst z + q = 0 /\
  snd z * (2 * fst z + p) = 0.
Proof.
  destruct z as [x y]. simpl. split.
  - intros H. apply (f_equal fst) in H as H1. apply (f_equal snd) in H as H2.
    simpl in H1, H2. split; lra.
  - intros [H1 H2]. apply injective_projections; simpl; lra.
Qed.

Lemma Cmod_sq z : Cmod z * Cmod z = fst z * fst z + snd z * snd z.
Proof.
  unfold Cmod. rewrite sqrt_sqrt; [ring|].
  apply Rplus_le_le_0_compat; apply pow2_ge_0.
Qed.

Lemma Cmod_lt_1 z : fst z * fst z + snd z * snd z < 1 -> Cmod z < 1.
Proof.
  intros H. rewrite <- Cmod_sq in H. pose proof (Cmod_ge_0 z). nra.
Qed.

(** The Jury conditions are sufficient for both roots to be inside the disc. *)
Lemma jury p q z :
  q < 1 -> 0 < 1 + p + q -> 0 < 1 - p + q ->
  peval [q; p; 1] z = RtoC 0 -> Cmod z < 1.
Proof.
  intros Hq H1 H2 Hz. apply quadratic_coordinates in Hz. destruct Hz as [Hre Him].
  destruct z as [x y]. simpl in *. apply Cmod_lt_1. simpl.
  apply Rmult_integral in Him. destruct Him as [->|Hx].
  - assert (Hx : x * x + p * x + q = 0) by lra.
    assert (-1 < x).
    { apply Rnot_le_lt. intros Hn. nra. }
    assert (x < 1).
    { apply Rnot_le_lt. intros Hn. nra. }
    nra.
  - assert (p = - 2 * x) by lra. subst p. nra.
Qed.

(** Two ways for a real quadratic to have a root off the open disc. *)
Lemma root_real_large p q :
  1 - p + q < 0 -> exists x, x < -1 /\ x * x + p * x + q = 0.
Proof.
  intros H.
  assert (Hd : 0 <= p * p - 4 * q).
  { pose proof (Rle_0_sqr (p - 2)) as Hs. unfold Rsqr in Hs. lra. }
  exists ((- p - sqrt (p * p - 4 * q)) / 2).
  pose proof (sqrt_sqrt _ Hd) as Hs. pose proof (sqrt_pos (p * p - 4 * q)) as Hp.
  set (s := sqrt (p * p - 4 * q)) in *. split; [|nra].
  apply Rnot_le_lt. intros Hn. nra.
Qed.

(** ** The family *)

Section Family.

Variable lambda : R.

Definition a0 : R := (3 * lambda + 3) / (4 * lambda).
Definition a1 : R := - 1 / lambda.
Definition a2 : R := (lambda + 1) / (4 * lambda).
Definition b0 : R := (3 * lambda - 1) / (2 * lambda).
Definition rho : list R := characteristic [a0; a1; a2].

Hypothesis lambda_neq : lambda <> 0.

(** Consistency and second order, for every [lambda]. *)
Theorem consistent : a0 + a1 + a2 = 1.
Proof. unfold a0, a1, a2. field. exact lambda_neq. Qed.

Theorem first_order : - a1 - 2 * a2 + b0 = 1.
Proof. unfold a1, a2, b0. field. exact lambda_neq. Qed.

Theorem second_order : a1 + 4 * a2 = 1.
Proof. unfold a1, a2. field. exact lambda_neq. Qed.

Definition p : R := (lambda - 3) / (4 * lambda).
Definition q : R := (lambda + 1) / (4 * lambda).

Lemma one_p_q : 1 + p + q = b0.
Proof. unfold p, q, b0. field. exact lambda_neq. Qed.

Lemma one_mp_q : 1 - p + q = (lambda + 1) / lambda.
Proof. unfold p, q. field. exact lambda_neq. Qed.

(** [rho = (r - 1)(r^2 + p r + q)]: the root 1 belongs to consistency, the other
    two are parasitic. *)
Lemma rho_factor z :
  peval rho z = Cmult (Cminus z (RtoC 1)) (peval [q; p; 1] z).
Proof.
  assert (H0 : a0 = 1 - p) by (unfold a0, p; field; exact lambda_neq).
  assert (H1 : a1 = p - q) by (unfold a1, p, q; field; exact lambda_neq).
  assert (H2 : a2 = q) by reflexivity.
  unfold rho, characteristic. cbn [rev app map peval].
  rewrite H0, H1, H2. rewrite !RtoC_opp, !RtoC_minus. ring.
Qed.

Lemma rho_deriv z :
  peval (pderiv rho) z =
  Cplus (peval [q; p; 1] z) (Cmult (Cminus z (RtoC 1)) (peval [p; 2] z)).
Proof.
  assert (H0 : a0 = 1 - p) by (unfold a0, p; field; exact lambda_neq).
  assert (H1 : a1 = p - q) by (unfold a1, p, q; field; exact lambda_neq).
  unfold rho, characteristic. cbn [rev app map pderiv pderiv_from tl peval].
  rewrite H0, H1. apply injective_projections; destruct z; simpl; ring.
Qed.

Lemma rho_root z :
  peval rho z = RtoC 0 <-> z = RtoC 1 \/ peval [q; p; 1] z = RtoC 0.
Proof.
  rewrite rho_factor. split.
  - intros H. destruct (Ceq_dec (peval [q; p; 1] z) (RtoC 0)) as [E|E]; [now right|left].
    destruct (Ceq_dec (Cminus z (RtoC 1)) (RtoC 0)) as [F|F].
    + replace z with (Cplus (Cminus z (RtoC 1)) (RtoC 1)) by ring. rewrite F. ring.
    + exfalso. exact (Cmult_neq_0 _ _ F E H).
  - intros [->|E]; [ring|rewrite E; ring].
Qed.

Lemma quadratic_at_1 : peval [q; p; 1] (RtoC 1) = RtoC b0.
Proof.
  rewrite <- one_p_q. apply injective_projections; simpl; ring.
Qed.

Lemma root_1_simple : b0 <> 0 -> peval (pderiv rho) (RtoC 1) <> RtoC 0.
Proof.
  intros Hb H. rewrite rho_deriv, quadratic_at_1 in H. apply Hb.
  apply RtoC_inj. rewrite <- H. ring.
Qed.

Theorem zero_stable_iff : root_condition rho <-> lambda <= -1 \/ lambda > 1 / 3.
Proof.
  split.
  - (* Outside the region a root leaves the disc, or 1 is a triple root. *)
    intros Hrc.
    destruct (Rle_lt_dec lambda (-1)) as [H1|H1]; [now left|right].
    destruct (Rlt_le_dec (1 / 3) lambda) as [H2|H2]; [exact H2|exfalso].
    destruct (Rlt_le_dec 0 lambda) as [Hpos|Hneg].
    + (* 0 < lambda <= 1/3 *)
      destruct (Req_dec lambda (1 / 3)) as [E|E].
      * destruct (Hrc (RtoC 1)) as [_ H]; [apply rho_root; now left|].
        apply H; [apply Cmod_1|]. rewrite rho_deriv, quadratic_at_1.
        unfold b0. rewrite E. apply injective_projections; simpl; field.
      * (* 1 + p + q < 0: a real root beyond 1 *)
        assert (Hb : 1 + p + q < 0).
        { rewrite one_p_q. unfold b0, Rdiv.
          assert (0 < / (2 * lambda)) by (apply Rinv_0_lt_compat; lra). nra. }
        destruct (root_real_large (- p) q) as (x & Hx & Hr); [lra|].
        destruct (Hrc (RtoC (- x))) as [H _].
        { apply rho_root. right. apply quadratic_coordinates. simpl. split; lra. }
        rewrite Cmod_R in H. rewrite Rabs_pos_eq in H; lra.
    + (* -1 < lambda < 0: a real root below -1 *)
      assert (Hm : 1 - p + q < 0).
      { rewrite one_mp_q. unfold Rdiv.
        assert (/ lambda < 0) by (apply Rinv_lt_0_compat; lra). nra. }
      destruct (root_real_large p q) as (x & Hx & Hr); [lra|].
      destruct (Hrc (RtoC x)) as [H _].
      { apply rho_root. right. apply quadratic_coordinates. simpl. split; lra. }
      rewrite Cmod_R in H. rewrite Rabs_left in H; lra.
  - intros Hl.
    assert (Hb : 0 < b0).
    { unfold b0, Rdiv. destruct Hl.
      - assert (/ (2 * lambda) < 0) by (apply Rinv_lt_0_compat; lra). nra.
      - assert (0 < / (2 * lambda)) by (apply Rinv_0_lt_compat; lra). nra. }
    destruct (Req_dec lambda (-1)) as [E|E].
    + (* roots 1, 0, -1: all simple *)
      assert (Hp : p = 1) by (unfold p; rewrite E; field).
      assert (Hq : q = 0) by (unfold q; rewrite E; field).
      intros z Hz. apply rho_root in Hz. destruct Hz as [->|Hz].
      * rewrite Cmod_1. split; [lra|]. intros _. apply root_1_simple. lra.
      * assert (Hz' := Hz). apply quadratic_coordinates in Hz. rewrite Hp, Hq in Hz.
        destruct Hz as [Hre Him]. destruct z as [x y]. simpl in Hre, Him.
        assert (Hy : y = 0).
        { apply Rmult_integral in Him. destruct Him as [Hy|Hx]; [exact Hy|].
          exfalso. assert (x = - / 2) by lra. subst x. nra. }
        subst y. assert (Hx : x = 0 \/ x = -1).
        { assert (Hx : x * (x + 1) = 0) by lra.
          apply Rmult_integral in Hx. destruct Hx; [left|right]; lra. }
        rewrite rho_deriv, Hz'. destruct Hx as [->| ->].
        -- change (0, 0) with (RtoC 0). rewrite Cmod_0. split; lra.
        -- change (-1, 0) with (RtoC (-1)). rewrite Cmod_R.
           replace (Rabs (-1)) with 1 by (rewrite Rabs_left; lra).
           split; [lra|]. intros _ H. apply (f_equal fst) in H. simpl in H.
           rewrite Hp in H. lra.
    + (* the parasitic roots are strictly inside *)
      assert (Hm : 0 < 1 - p + q).
      { rewrite one_mp_q. unfold Rdiv. destruct Hl.
        - assert (/ lambda < 0) by (apply Rinv_lt_0_compat; lra). nra.
        - assert (0 < / lambda) by (apply Rinv_0_lt_compat; lra). nra. }
      assert (Hq : q < 1).
      { apply Rminus_gt_0_lt. replace (1 - q) with ((3 * lambda - 1) / (4 * lambda))
          by (unfold q; field; exact lambda_neq).
        unfold Rdiv. destruct Hl.
        - assert (/ (4 * lambda) < 0) by (apply Rinv_lt_0_compat; lra). nra.
        - assert (0 < / (4 * lambda)) by (apply Rinv_0_lt_compat; lra). nra. }
      intros z Hz. apply rho_root in Hz. destruct Hz as [->|Hz].
      * rewrite Cmod_1. split; [lra|]. intros _. apply root_1_simple. lra.
      * assert (Cmod z < 1) by (apply (jury p q); auto; rewrite one_p_q; exact Hb).
        split; [lra|]. intros. lra.
Qed.

End Family.
