(** * Error of a dot product in every summation order

    A floating-point dot product is described by its evaluation tree: which
    products are rounded on their own, which are fused with the running sum,
    and in what order the partial sums are added. A parallel, blocked or
    vectorised kernel is one such tree, usually an unknown one. The theorems
    below therefore hold for all trees over the same products, and the bound
    depends only on the number of products. *)

From Coq Require Import Reals List Permutation Lra Lia.
From Flocq Require Import Core Relative Plus_error.
Import ListNotations.
Open Scope R_scope.

(** ** Evaluation trees *)

(** The type [A] of the numbers in the leaves is [R] for the error analysis and
    a type of floating-point data for the link with IEEE 754. *)
Inductive tree (A : Type) : Type :=
  | Prod (x y : A)               (** the rounded product [fl (x y)] *)
  | Num (b : A)                  (** a stored number: bias, or an accumulator's start *)
  | Add (l r : tree A)           (** the rounded sum [fl (l + r)] *)
  | Fma (x y : A) (s : tree A).  (** the fused operation [fl (x y + s)] *)
Arguments Prod {A}. Arguments Num {A}. Arguments Add {A}. Arguments Fma {A}.

Fixpoint tmap {A B : Type} (f : A -> B) (t : tree A) : tree B :=
  match t with
  | Prod x y => Prod (f x) (f y)
  | Num b => Num (f b)
  | Add l r => Add (tmap f l) (tmap f r)
  | Fma x y s => Fma (f x) (f y) (tmap f s)
  end.

(** The products and the plain numbers a tree combines, in the order met. *)
Fixpoint products (t : tree R) : list R :=
  match t with
  | Prod x y => [x * y]
  | Num _ => []
  | Add l r => products l ++ products r
  | Fma x y s => x * y :: products s
  end.

Fixpoint numbers {A : Type} (t : tree A) : list A :=
  match t with
  | Prod _ _ => []
  | Num b => [b]
  | Add l r => numbers l ++ numbers r
  | Fma _ _ s => numbers s
  end.

Fixpoint sum (l : list R) : R :=
  match l with [] => 0 | x :: l' => x + sum l' end.

(** The value the tree would have without rounding. *)
Fixpoint exact (t : tree R) : R :=
  match t with
  | Prod x y => x * y
  | Num b => b
  | Add l r => exact l + exact r
  | Fma x y s => x * y + exact s
  end.

(** The same with every term replaced by its absolute value. *)
Fixpoint mag (t : tree R) : R :=
  match t with
  | Prod x y => Rabs (x * y)
  | Num b => Rabs b
  | Add l r => mag l + mag r
  | Fma x y s => Rabs (x * y) + mag s
  end.

(** Number of roundings a term can meet on its way to the root. *)
Fixpoint depth {A : Type} (t : tree A) : nat :=
  match t with
  | Prod _ _ => 1
  | Num _ => 0
  | Add l r => S (Nat.max (depth l) (depth r))
  | Fma _ _ s => S (depth s)
  end.

(** Operations with a product in them, and pure additions. *)
Fixpoint muls {A : Type} (t : tree A) : nat :=
  match t with
  | Prod _ _ => 1
  | Num _ => 0
  | Add l r => muls l + muls r
  | Fma _ _ s => S (muls s)
  end.

Fixpoint adds {A : Type} (t : tree A) : nat :=
  match t with
  | Prod _ _ => 0
  | Num _ => 0
  | Add l r => S (adds l + adds r)
  | Fma _ _ s => adds s
  end.

(** ** Sums do not depend on the order *)

Lemma sum_app l r : sum (l ++ r) = sum l + sum r.
Proof. induction l as [|x l IH]; simpl; lra. Qed.

Lemma sum_permutation l r : Permutation l r -> sum l = sum r.
Proof. induction 1; simpl; lra. Qed.

Lemma sum_abs_nonneg l : 0 <= sum (map Rabs l).
Proof.
  induction l as [|x l IH]; simpl; [lra|].
  pose proof (Rabs_pos x); lra.
Qed.

Lemma sum_abs_ge l : Rabs (sum l) <= sum (map Rabs l).
Proof.
  induction l as [|x l IH]; simpl; [rewrite Rabs_R0; lra|].
  eapply Rle_trans; [apply Rabs_triang|lra].
Qed.

Lemma exact_terms t : exact t = sum (products t) + sum (numbers t).
Proof.
  induction t; simpl; rewrite ?sum_app; simpl; lra.
Qed.

Lemma mag_terms t :
  mag t = sum (map Rabs (products t)) + sum (map Rabs (numbers t)).
Proof.
  induction t; simpl; rewrite ?map_app, ?sum_app; simpl; lra.
Qed.

(** Trees over the same terms, in whatever order, have the same exact value and
    the same sum of absolute values. *)
Theorem exact_permutation t t' :
  Permutation (products t) (products t') ->
  Permutation (numbers t) (numbers t') ->
  exact t = exact t' /\ mag t = mag t'.
Proof.
  intros Hp Hn. rewrite !exact_terms, !mag_terms. split.
  - now rewrite (sum_permutation _ _ Hp), (sum_permutation _ _ Hn).
  - now rewrite (sum_permutation _ _ (Permutation_map Rabs Hp)),
      (sum_permutation _ _ (Permutation_map Rabs Hn)).
Qed.

Lemma mag_nonneg t : 0 <= mag t.
Proof.
  rewrite mag_terms.
  pose proof (sum_abs_nonneg (products t)).
  pose proof (sum_abs_nonneg (numbers t)). lra.
Qed.

Lemma exact_le_mag t : Rabs (exact t) <= mag t.
Proof.
  rewrite mag_terms, exact_terms.
  eapply Rle_trans; [apply Rabs_triang|].
  apply Rplus_le_compat; apply sum_abs_ge.
Qed.

(** ** Counting operations *)

Lemma muls_products t : muls t = length (products t).
Proof. induction t; simpl; rewrite ?app_length; lia. Qed.

Lemma adds_le {A} (t : tree A) : (adds t + 1 <= muls t + length (numbers t))%nat.
Proof. induction t; simpl; rewrite ?app_length; simpl; lia. Qed.

Lemma depth_le {A} (t : tree A) : (depth t <= muls t + length (numbers t))%nat.
Proof.
  induction t; simpl; rewrite ?app_length; simpl; try lia.
  pose proof (adds_le t1). pose proof (adds_le t2). lia.
Qed.

(** ** The factor gamma *)

Definition gamma (u : R) (n : nat) : R := (1 + u) ^ n - 1.

Lemma pow_ge_1 u n : 0 <= u -> 1 <= (1 + u) ^ n.
Proof. intros Hu. apply pow_R1_Rle; lra. Qed.

Lemma gamma_nonneg u n : 0 <= u -> 0 <= gamma u n.
Proof. intros Hu. unfold gamma. pose proof (pow_ge_1 u n Hu). lra. Qed.

Lemma pow_mono u n m : 0 <= u -> (n <= m)%nat -> (1 + u) ^ n <= (1 + u) ^ m.
Proof. intros Hu Hn. apply Rle_pow; [lra|exact Hn]. Qed.

Lemma gamma_mono u n m : 0 <= u -> (n <= m)%nat -> gamma u n <= gamma u m.
Proof.
  intros Hu Hn. unfold gamma. pose proof (pow_mono u n m Hu Hn). lra.
Qed.

Lemma pow_closed u n : 0 <= u -> (1 + u) ^ n * (1 - INR n * u) <= 1.
Proof.
  intros Hu. induction n as [|n IH]; [simpl; lra|].
  rewrite S_INR. simpl pow.
  assert (Hp := pow_ge_1 u n Hu). assert (Hn := pos_INR n).
  assert (H : (1 + u) * (1 - (INR n + 1) * u) <= 1 - INR n * u).
  { assert (0 <= (INR n + 1) * (u * u)); [|lra].
    apply Rmult_le_pos; [lra|]. apply Rmult_le_pos; lra. }
  replace ((1 + u) * (1 + u) ^ n * (1 - (INR n + 1) * u))
    with ((1 + u) ^ n * ((1 + u) * (1 - (INR n + 1) * u))) by ring.
  eapply Rle_trans; [|exact IH].
  apply Rmult_le_compat_l; lra.
Qed.

(** The form used in programs: no power to evaluate. *)
Theorem gamma_closed u n :
  0 <= u -> INR n * u < 1 -> gamma u n <= INR n * u / (1 - INR n * u).
Proof.
  intros Hu Hn. unfold gamma.
  apply (Rmult_le_reg_r (1 - INR n * u)); [lra|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra.
  pose proof (pow_closed u n Hu). lra.
Qed.

(** The amplification of the underflow term, likewise. *)
Theorem pow_le_2 u n : 0 <= u -> 2 * INR n * u <= 1 -> (1 + u) ^ n <= 2.
Proof.
  intros Hu Hn.
  apply (Rmult_le_reg_r (1 - INR n * u)); [lra|].
  pose proof (pow_closed u n Hu). lra.
Qed.

(** ** Standard model with underflow *)

(** [v] is an admissible rounding of [r]: relative error at most [u], and an
    absolute error at most [eta] for results in the subnormal range. *)
Definition rounds (u eta r v : R) : Prop :=
  exists d e, Rabs d <= u /\ Rabs e <= eta /\ v = r * (1 + d) + e.

Section Model.

(** [eta_mul] belongs to operations that contain a product, [eta_add] to pure
    additions. IEEE arithmetic with subnormal numbers has [eta_add = 0]; an
    arithmetic that flushes results to zero has both equal to its smallest
    normal number. *)
Variables u eta_mul eta_add : R.
Hypothesis Hu : 0 <= u.
Hypothesis Hmul : 0 <= eta_mul.
Hypothesis Hadd : 0 <= eta_add.

(** [computes t v]: evaluating [t] with admissible roundings can give [v].
    Every operation chooses its own rounding, so nothing is assumed about
    rounding being a function, monotone, or to nearest. *)
Inductive computes : tree R -> R -> Prop :=
  | c_prod x y v : rounds u eta_mul (x * y) v -> computes (Prod x y) v
  | c_num b : computes (Num b) b
  | c_add l r a b v : computes l a -> computes r b ->
      rounds u eta_add (a + b) v -> computes (Add l r) v
  | c_fma x y s a v : computes s a ->
      rounds u eta_mul (x * y + a) v -> computes (Fma x y s) v.

Definition under (t : tree R) : R := INR (muls t) * eta_mul + INR (adds t) * eta_add.

Lemma under_nonneg t : 0 <= under t.
Proof.
  unfold under. apply Rplus_le_le_0_compat; apply Rmult_le_pos;
    auto using pos_INR.
Qed.

(** One rounding applied to a value [w] already within
    [gamma_k * m + h (1+u)^k] of the exact [s], where [|s| <= m]. *)
Lemma one_rounding eta s w v m h k :
  0 <= eta -> 0 <= h -> Rabs s <= m ->
  Rabs (w - s) <= gamma u k * m + h * (1 + u) ^ k ->
  rounds u eta w v ->
  Rabs (v - s) <= gamma u (S k) * m + (h + eta) * (1 + u) ^ S k.
Proof.
  intros He Hh Hs Hw (d & e & Hd & Hee & ->).
  replace (w * (1 + d) + e - s) with ((w - s) * (1 + d) + s * d + e) by ring.
  assert (H1 : Rabs ((w - s) * (1 + d)) <= (gamma u k * m + h * (1 + u) ^ k) * (1 + u)).
  { rewrite Rabs_mult. apply Rmult_le_compat; auto using Rabs_pos.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_R1. lra. }
  assert (H2 : Rabs (s * d) <= m * u).
  { rewrite Rabs_mult. apply Rmult_le_compat; auto using Rabs_pos. }
  assert (H3 : eta <= eta * (1 + u) ^ S k).
  { rewrite <- (Rmult_1_r eta) at 1. apply Rmult_le_compat_l; auto.
    apply pow_ge_1; auto. }
  eapply Rle_trans; [apply Rabs_triang|].
  eapply Rle_trans; [apply Rplus_le_compat_r, Rabs_triang|].
  unfold gamma in *. simpl pow in *. lra.
Qed.

(** Error of a tree, by its depth. *)
Theorem tree_error t v :
  computes t v ->
  Rabs (v - exact t) <= gamma u (depth t) * mag t + under t * (1 + u) ^ depth t.
Proof.
  induction 1 as [x y v Hr|b|l r a b v Hl IHl Hr IHr Hv|x y s a v Hs IHs Hv].
  - replace (under (Prod x y)) with (0 + eta_mul) by (unfold under; simpl; ring).
    apply (one_rounding eta_mul (x * y) (x * y)); simpl; try lra; auto.
    replace (x * y - x * y) with 0 by ring. rewrite Rabs_R0. unfold gamma. simpl. lra.
  - simpl. replace (b - b) with 0 by ring. rewrite Rabs_R0.
    unfold gamma, under. simpl. lra.
  - simpl depth. set (k := Nat.max (depth l) (depth r)).
    replace (under (Add l r)) with (under l + under r + eta_add).
    2:{ unfold under. simpl muls. simpl adds. rewrite plus_INR, S_INR, plus_INR. ring. }
    pose proof (under_nonneg l). pose proof (under_nonneg r).
    apply (one_rounding eta_add (exact (Add l r)) (a + b)); auto; try lra.
    + apply exact_le_mag.
    + simpl.
      replace (a + b - (exact l + exact r)) with ((a - exact l) + (b - exact r)) by ring.
      eapply Rle_trans; [apply Rabs_triang|].
      assert (Hkl : (depth l <= k)%nat) by (unfold k; lia).
      assert (Hkr : (depth r <= k)%nat) by (unfold k; lia).
      assert (A1 := Rmult_le_compat_r _ _ _ (mag_nonneg l) (gamma_mono u _ _ Hu Hkl)).
      assert (A2 := Rmult_le_compat_r _ _ _ (mag_nonneg r) (gamma_mono u _ _ Hu Hkr)).
      assert (A3 := Rmult_le_compat_l _ _ _ (under_nonneg l) (pow_mono u _ _ Hu Hkl)).
      assert (A4 := Rmult_le_compat_l _ _ _ (under_nonneg r) (pow_mono u _ _ Hu Hkr)).
      lra.
  - simpl depth.
    replace (under (Fma x y s)) with (under s + eta_mul).
    2:{ unfold under. simpl muls. simpl adds. rewrite S_INR. ring. }
    apply (one_rounding eta_mul (exact (Fma x y s)) (x * y + a)); auto.
    + apply under_nonneg.
    + apply exact_le_mag.
    + simpl. replace (x * y + a - (x * y + exact s)) with (a - exact s) by ring.
      eapply Rle_trans; [exact IHs|].
      assert (0 <= gamma u (depth s) * Rabs (x * y)); [|lra].
      apply Rmult_le_pos; auto using Rabs_pos, gamma_nonneg.
Qed.

(** ** Dot products *)

Definition dot (l : list (R * R)) : R := sum (map (fun p => fst p * snd p) l).
Definition absdot (l : list (R * R)) : R :=
  sum (map (fun p => Rabs (fst p) * Rabs (snd p)) l).

Lemma absdot_products l :
  absdot l = sum (map Rabs (map (fun p => fst p * snd p) l)).
Proof.
  rewrite map_map. unfold absdot. f_equal. apply map_ext.
  intros p. symmetry. apply Rabs_mult.
Qed.

Lemma absdot_nonneg l : 0 <= absdot l.
Proof. rewrite absdot_products. apply sum_abs_nonneg. Qed.

(** Every way to compute [b + sum x_i y_i], with the [n] products of [l] and the
    plain numbers [bs] (in whatever order, factors of a product exchanged or
    not): the error is at most [gamma_m (sum |b| + sum |x_i y_i|)] plus the
    underflow term, where [m] counts all terms. *)
Lemma affine_error_gen l bs t v :
  Permutation (products t) (map (fun p => fst p * snd p) l) ->
  Permutation (numbers t) bs ->
  computes t v ->
  let m := (length l + length bs)%nat in
  Rabs (v - (dot l + sum bs)) <=
    gamma u m * (absdot l + sum (map Rabs bs))
    + (INR (length l) * eta_mul + INR (m - 1) * eta_add) * (1 + u) ^ m.
Proof.
  intros Hp Hb Hc m.
  assert (Hlen : muls t = length l).
  { rewrite muls_products, (Permutation_length Hp). apply map_length. }
  assert (Hnum : length (numbers t) = length bs) by apply (Permutation_length Hb).
  assert (Hd : (depth t <= m)%nat).
  { unfold m. rewrite <- Hlen, <- Hnum. apply depth_le. }
  assert (Ha : (adds t <= m - 1)%nat).
  { unfold m. rewrite <- Hlen, <- Hnum. pose proof (adds_le t). lia. }
  assert (Hex : exact t = dot l + sum bs).
  { rewrite exact_terms, (sum_permutation _ _ Hp), (sum_permutation _ _ Hb). reflexivity. }
  assert (Hmag : mag t = absdot l + sum (map Rabs bs)).
  { rewrite mag_terms, (sum_permutation _ _ (Permutation_map Rabs Hp)),
      (sum_permutation _ _ (Permutation_map Rabs Hb)).
    now rewrite absdot_products. }
  rewrite <- Hex, <- Hmag.
  eapply Rle_trans; [apply tree_error; exact Hc|].
  apply Rplus_le_compat.
  - apply Rmult_le_compat_r; [apply mag_nonneg|]. apply gamma_mono; auto.
  - apply Rmult_le_compat; [apply under_nonneg| |  |apply pow_mono; auto].
    + pose proof (pow_ge_1 u (depth t) Hu). lra.
    + unfold under. rewrite Hlen. apply Rplus_le_compat_l.
      apply Rmult_le_compat_r; auto. apply le_INR, Ha.
Qed.

(** Dot product of [n] products. *)
Theorem dot_error l t v :
  Permutation (products t) (map (fun p => fst p * snd p) l) ->
  numbers t = [] ->
  computes t v ->
  let n := length l in
  Rabs (v - dot l) <=
    gamma u n * absdot l
    + (INR n * eta_mul + INR (n - 1) * eta_add) * (1 + u) ^ n.
Proof.
  intros Hp Hb Hc n.
  assert (H : Permutation (numbers t) []) by (rewrite Hb; constructor).
  pose proof (affine_error_gen l [] t v Hp H Hc) as E. simpl in E.
  rewrite !Rplus_0_r, Nat.add_0_r in E. exact E.
Qed.

(** Dot product of [n] products, plus a bias. *)
Theorem affine_error l b t v :
  Permutation (products t) (map (fun p => fst p * snd p) l) ->
  numbers t = [b] ->
  computes t v ->
  let n := length l in
  Rabs (v - (dot l + b)) <=
    gamma u (n + 1) * (absdot l + Rabs b)
    + INR n * (eta_mul + eta_add) * (1 + u) ^ (n + 1).
Proof.
  intros Hp Hb Hc n.
  assert (H : Permutation (numbers t) [b]) by (rewrite Hb; reflexivity).
  pose proof (affine_error_gen l [b] t v Hp H Hc) as E. simpl in E.
  fold n in E. rewrite !Rplus_0_r in E.
  replace (n + 1 - 1)%nat with n in E by lia.
  rewrite <- Rmult_plus_distr_l in E. exact E.
Qed.

End Model.

(** With one absolute error [eta] for all operations, of which there are at most
    [2 n]. *)
Corollary dot_error_2n u eta l t v :
  0 <= u -> 0 <= eta ->
  Permutation (products t) (map (fun p => fst p * snd p) l) ->
  numbers t = [] ->
  computes u eta eta t v ->
  let n := length l in
  Rabs (v - dot l) <= gamma u n * absdot l + 2 * INR n * eta * (1 + u) ^ n.
Proof.
  intros Hu He Hp Hb Hc n.
  eapply Rle_trans; [eapply (dot_error u eta eta); eassumption|].
  fold n. apply Rplus_le_compat_l. apply Rmult_le_compat_r.
  - pose proof (pow_ge_1 u n Hu). lra.
  - assert (INR (n - 1) <= INR n) by (apply le_INR; lia).
    assert (INR (n - 1) * eta <= INR n * eta) by (apply Rmult_le_compat_r; auto). lra.
Qed.

Corollary affine_error_2n u eta l b t v :
  0 <= u -> 0 <= eta ->
  Permutation (products t) (map (fun p => fst p * snd p) l) ->
  numbers t = [b] ->
  computes u eta eta t v ->
  let n := length l in
  Rabs (v - (dot l + b)) <=
    gamma u (n + 1) * (absdot l + Rabs b) + 2 * INR n * eta * (1 + u) ^ (n + 1).
Proof.
  intros Hu He Hp Hb Hc n.
  eapply Rle_trans; [eapply (affine_error u eta eta); eassumption|].
  fold n. replace (2 * INR n * eta) with (INR n * (eta + eta)) by ring. lra.
Qed.

(** The bound as a program evaluates it: no powers, for [2 (n+1) u <= 1]. *)
Corollary affine_error_closed u eta l b t v :
  0 <= u -> 0 <= eta ->
  Permutation (products t) (map (fun p => fst p * snd p) l) ->
  numbers t = [b] ->
  computes u eta eta t v ->
  let m := INR (length l + 1) in
  2 * m * u <= 1 ->
  Rabs (v - (dot l + b)) <=
    m * u / (1 - m * u) * (absdot l + Rabs b) + 4 * INR (length l) * eta.
Proof.
  intros Hu He Hp Hb Hc m Hm.
  eapply Rle_trans; [eapply (affine_error_2n u eta); eassumption|].
  assert (Hpos := pos_INR (length l + 1)). fold m in Hpos.
  assert (0 <= m * u) by (apply Rmult_le_pos; auto).
  apply Rplus_le_compat.
  - apply Rmult_le_compat_r.
    + apply Rplus_le_le_0_compat; [|apply Rabs_pos].
      apply absdot_nonneg.
    + apply gamma_closed; auto. fold m. lra.
  - assert (H2 := pow_le_2 u (length l + 1) Hu Hm).
    assert (0 <= 2 * INR (length l) * eta).
    { apply Rmult_le_pos; auto. pose proof (pos_INR (length l)). lra. }
    replace (4 * INR (length l) * eta) with (2 * INR (length l) * eta * 2) by ring.
    apply Rmult_le_compat_l; auto.
Qed.

(** ** IEEE 754 rounding to nearest *)

(** Evaluation by a rounding function. *)
Fixpoint eval (fl : R -> R) (t : tree R) : R :=
  match t with
  | Prod x y => fl (x * y)
  | Num b => b
  | Add l r => fl (eval fl l + eval fl r)
  | Fma x y s => fl (x * y + eval fl s)
  end.

(** Terms that are zero: padding of a vector to the width of a block, and the
    start of each accumulator. *)
Definition nonzero (l : list R) : list R :=
  filter (fun x => if Req_EM_T x 0 then false else true) l.

Lemma nonzero_app l r : nonzero (l ++ r) = nonzero l ++ nonzero r.
Proof. unfold nonzero. induction l as [|x l IH]; simpl; [reflexivity|].
  destruct (Req_EM_T x 0); simpl; now rewrite IH. Qed.

Lemma sum_nonzero l : sum (nonzero l) = sum l.
Proof.
  induction l as [|x l IH]; simpl; [reflexivity|].
  destruct (Req_EM_T x 0); simpl; lra.
Qed.

Lemma sum_abs_nonzero l : sum (map Rabs (nonzero l)) = sum (map Rabs l).
Proof.
  induction l as [|x l IH]; simpl; [reflexivity|].
  destruct (Req_EM_T x 0) as [->|]; simpl; rewrite ?Rabs_R0; lra.
Qed.

Lemma nonzero_length l : (length (nonzero l) <= length l)%nat.
Proof.
  induction l as [|x l IH]; simpl; [lia|].
  destruct (Req_EM_T x 0); simpl; lia.
Qed.

(** The tree without its zero terms; [None] if nothing is left. *)
Fixpoint prune (t : tree R) : option (tree R) :=
  match t with
  | Prod x y => if Req_EM_T (x * y) 0 then None else Some (Prod x y)
  | Num b => if Req_EM_T b 0 then None else Some (Num b)
  | Add l r =>
      match prune l, prune r with
      | None, o => o
      | o, None => o
      | Some a, Some b => Some (Add a b)
      end
  | Fma x y s =>
      match prune s with
      | None => if Req_EM_T (x * y) 0 then None else Some (Prod x y)
      | Some a => if Req_EM_T (x * y) 0 then Some a else Some (Fma x y a)
      end
  end.

Definition oeval fl o := match o with None => 0 | Some t => eval fl t end.
Definition oproducts o := match o with None => [] | Some t => products t end.
Definition onumbers (o : option (tree R)) := match o with None => [] | Some t => numbers t end.

Lemma prune_products t : oproducts (prune t) = nonzero (products t).
Proof.
  induction t as [x y|b|l IHl r IHr|x y s IHs]; simpl.
  - destruct (Req_EM_T (x * y) 0); reflexivity.
  - destruct (Req_EM_T b 0); reflexivity.
  - rewrite nonzero_app, <- IHl, <- IHr.
    destruct (prune l), (prune r); simpl; rewrite ?app_nil_r; reflexivity.
  - unfold nonzero in *. simpl. rewrite <- IHs.
    destruct (prune s), (Req_EM_T (x * y) 0); reflexivity.
Qed.

Lemma prune_numbers t : onumbers (prune t) = nonzero (numbers t).
Proof.
  induction t as [x y|b|l IHl r IHr|x y s IHs]; simpl.
  - destruct (Req_EM_T (x * y) 0); reflexivity.
  - destruct (Req_EM_T b 0); reflexivity.
  - rewrite nonzero_app, <- IHl, <- IHr.
    destruct (prune l), (prune r); simpl; rewrite ?app_nil_r; reflexivity.
  - rewrite <- IHs. destruct (prune s), (Req_EM_T (x * y) 0); reflexivity.
Qed.

Section Ieee.

Variables emin prec : Z.
Context {prec_pos : Prec_gt_0 prec}.
(** The rule for ties is irrelevant. *)
Variable choice : Z -> bool.

Definition fl (x : R) : R := round radix2 (FLT_exp emin prec) (Znearest choice) x.
Definition format (x : R) : Prop := generic_format radix2 (FLT_exp emin prec) x.
Definition unit : R := bpow radix2 (- prec).
Definition tiny : R := bpow radix2 (emin - 1).

Lemma unit_pos : 0 <= unit. Proof. apply bpow_ge_0. Qed.
Lemma tiny_pos : 0 <= tiny. Proof. apply bpow_ge_0. Qed.

Lemma half_bpow e : / 2 * bpow radix2 e = bpow radix2 (e - 1).
Proof.
  unfold Zminus. rewrite bpow_plus. replace (bpow radix2 (- (1))) with (/ 2).
  - ring.
  - simpl. unfold Z.pow_pos. simpl. reflexivity.
Qed.

(** Rounding to nearest satisfies the standard model. *)
Theorem fl_rounds x : rounds unit tiny x (fl x).
Proof.
  destruct (error_N_FLT radix2 emin prec prec_pos choice x)
    as (d & e & Hd & He & _ & H).
  rewrite half_bpow in Hd. rewrite half_bpow in He.
  replace (- prec + 1 - 1)%Z with (- prec)%Z in Hd by ring.
  exists d, e. auto.
Qed.

(** Sums of two floating-point numbers never underflow. *)
Theorem fl_add_rounds x y : format x -> format y -> rounds unit 0 (x + y) (fl (x + y)).
Proof.
  intros Hx Hy.
  destruct (FLT_plus_error_N_ex radix2 emin prec choice x y Hx Hy)
    as (d & Hd & H).
  exists d, 0. rewrite Rabs_R0. split; [|split; [lra|]].
  - eapply Rle_trans; [exact Hd|].
    replace (u_ro radix2 prec) with unit.
    2:{ unfold u_ro. rewrite half_bpow. unfold unit. f_equal. ring. }
    assert (Hp := unit_pos).
    apply (Rmult_le_reg_r (1 + unit)); [lra|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra.
    assert (0 <= unit * unit) by (apply Rmult_le_pos; auto). lra.
  - rewrite Rplus_0_r. exact H.
Qed.

Lemma fl_format x : format (fl x).
Proof. apply generic_format_round; typeclasses eauto. Qed.

Lemma fl_id x : format x -> fl x = x.
Proof. intros H. apply round_generic; [typeclasses eauto|exact H]. Qed.

Lemma eval_format t : Forall format (numbers t) -> format (eval fl t).
Proof.
  destruct t; simpl; intros H; try apply fl_format.
  now inversion H.
Qed.

Lemma eval_computes t :
  Forall format (numbers t) -> computes unit tiny 0 t (eval fl t).
Proof.
  induction t as [x y|b|l IHl r IHr|x y s IHs]; simpl; intros H.
  - constructor. apply fl_rounds.
  - constructor.
  - apply Forall_app in H. destruct H as [Hl Hr].
    econstructor; [apply IHl, Hl|apply IHr, Hr|].
    apply fl_add_rounds; apply eval_format; assumption.
  - econstructor; [apply IHs, H|apply fl_rounds].
Qed.

(** Zero terms cost no rounding error. *)
Lemma eval_prune t :
  Forall format (numbers t) -> eval fl t = oeval fl (prune t).
Proof.
  assert (F0 : fl 0 = 0) by (apply fl_id, generic_format_0).
  induction t as [x y|b|l IHl r IHr|x y s IHs]; simpl; intros H.
  - destruct (Req_EM_T (x * y) 0) as [->|]; [exact F0|reflexivity].
  - destruct (Req_EM_T b 0) as [->|]; reflexivity.
  - apply Forall_app in H. destruct H as [Hl Hr].
    assert (Fl := eval_format l Hl). assert (Fr := eval_format r Hr).
    specialize (IHl Hl). specialize (IHr Hr). rewrite IHl in *. rewrite IHr in *.
    destruct (prune l) as [l'|], (prune r) as [r'|]; simpl in *.
    + reflexivity.
    + rewrite Rplus_0_r. now apply fl_id.
    + rewrite Rplus_0_l. now apply fl_id.
    + now rewrite Rplus_0_l.
  - assert (Fs := eval_format s H). specialize (IHs H). rewrite IHs in *.
    destruct (prune s) as [s'|], (Req_EM_T (x * y) 0) as [E|E]; simpl in *; try rewrite E;
      rewrite ?Rplus_0_r, ?Rplus_0_l; auto; now apply fl_id.
Qed.

(** The theorem for IEEE arithmetic. The hypotheses identify terms up to order
    and up to zeros, so the tree may contain padding and any number of
    accumulators started at zero. *)
Lemma ieee_error_gen l bs t :
  Forall format (numbers t) ->
  Permutation (nonzero (products t)) (nonzero (map (fun p => fst p * snd p) l)) ->
  Permutation (nonzero (numbers t)) (nonzero bs) ->
  let m := (length l + length (nonzero bs))%nat in
  Rabs (eval fl t - (dot l + sum bs)) <=
    gamma unit m * (absdot l + sum (map Rabs bs))
    + INR (length l) * tiny * (1 + unit) ^ m.
Proof.
  intros Hf Hp Hb m.
  rewrite (eval_prune t Hf).
  rewrite <- (prune_products t) in Hp. pose proof (prune_numbers t) as Hn.
  rewrite <- Hn in Hb.
  assert (Hf' : Forall format (onumbers (prune t))).
  { rewrite Hn. apply Forall_forall. intros x Hx. unfold nonzero in Hx.
    apply filter_In in Hx. eapply Forall_forall; [exact Hf|apply Hx]. }
  set (pl := nonzero (map (fun p => fst p * snd p) l)) in *.
  assert (Habs : absdot l = sum (map Rabs pl)).
  { unfold pl. rewrite sum_abs_nonzero. apply absdot_products. }
  assert (Hdot : dot l = sum pl) by (unfold pl; now rewrite sum_nonzero).
  assert (Hlen : (length pl <= length l)%nat).
  { unfold pl. eapply Nat.le_trans; [apply nonzero_length|]. now rewrite map_length. }
  rewrite Habs, Hdot. rewrite <- (sum_nonzero bs), <- (sum_abs_nonzero bs).
  assert (Hu := unit_pos). assert (Ht := tiny_pos).
  destruct (prune t) as [t'|]; simpl in *.
  - set (l' := map (fun x => (x, 1)) pl).
    assert (El : map (fun p => fst p * snd p) l' = pl).
    { unfold l'. rewrite map_map. simpl. rewrite <- (map_id pl) at 2.
      apply map_ext. intros a. ring. }
    rewrite <- El in Hp.
    pose proof (affine_error_gen unit tiny 0 Hu Ht (Rle_refl 0) l' (nonzero bs) t' _
                  Hp Hb (eval_computes t' Hf')) as E.
    unfold dot in E. rewrite El in E.
    replace (absdot l') with (sum (map Rabs pl)) in E.
    2:{ now rewrite absdot_products, El. }
    replace (length l') with (length pl) in E by (unfold l'; now rewrite map_length).
    cbv zeta in E. rewrite Rmult_0_r, Rplus_0_r in E.
    eapply Rle_trans; [exact E|].
    assert (Hm : (length pl + length (nonzero bs) <= m)%nat) by (unfold m; lia).
    apply Rplus_le_compat.
    + apply Rmult_le_compat_r; [|apply gamma_mono; auto].
      apply Rplus_le_le_0_compat; apply sum_abs_nonneg.
    + apply Rmult_le_compat; [|  | |apply pow_mono; auto].
      * apply Rmult_le_pos; auto using pos_INR.
      * pose proof (pow_ge_1 unit (length pl + length (nonzero bs)) Hu). lra.
      * apply Rmult_le_compat_r; auto. now apply le_INR.
  - apply Permutation_nil in Hp. apply Permutation_nil in Hb.
    rewrite Hp, Hb. simpl.
    replace (0 - (0 + 0)) with 0 by ring. rewrite Rabs_R0.
    rewrite Rplus_0_r, Rmult_0_r, Rplus_0_l.
    apply Rmult_le_pos; [apply Rmult_le_pos; auto using pos_INR|].
    pose proof (pow_ge_1 unit m Hu). lra.
Qed.

Theorem ieee_dot_error l t :
  Permutation (nonzero (products t)) (nonzero (map (fun p => fst p * snd p) l)) ->
  nonzero (numbers t) = [] ->
  let n := length l in
  Rabs (eval fl t - dot l) <=
    gamma unit n * absdot l + INR n * tiny * (1 + unit) ^ n.
Proof.
  intros Hp Hb n.
  assert (Hf : Forall format (numbers t)).
  { revert Hb. generalize (numbers t). induction l0 as [|x l0 IH]; simpl; intros Hb.
    - constructor.
    - destruct (Req_EM_T x 0) as [->|]; [|discriminate].
      constructor; [apply generic_format_0|auto]. }
  assert (Hb' : Permutation (nonzero (numbers t)) (nonzero [])) by now rewrite Hb.
  pose proof (ieee_error_gen l [] t Hf Hp Hb') as E. simpl in E.
  rewrite !Rplus_0_r, Nat.add_0_r in E. exact E.
Qed.

Theorem ieee_affine_error l b t :
  format b ->
  Permutation (nonzero (products t)) (nonzero (map (fun p => fst p * snd p) l)) ->
  nonzero (numbers t) = nonzero [b] ->
  let n := length l in
  Rabs (eval fl t - (dot l + b)) <=
    gamma unit (n + 1) * (absdot l + Rabs b) + INR n * tiny * (1 + unit) ^ (n + 1).
Proof.
  intros Hfb Hp Hb n.
  assert (Hf : Forall format (numbers t)).
  { assert (Hz : Forall format (nonzero (numbers t))).
    { rewrite Hb. simpl. destruct (Req_EM_T b 0); repeat constructor; auto. }
    revert Hz. generalize (numbers t). clear. induction l as [|x l IH]; simpl; intros Hz.
    - constructor.
    - destruct (Req_EM_T x 0) as [->|].
      + constructor; [apply generic_format_0|auto].
      + inversion Hz. constructor; auto. }
  assert (Hb' : Permutation (nonzero (numbers t)) (nonzero [b])) by now rewrite Hb.
  pose proof (ieee_error_gen l [b] t Hf Hp Hb') as E. cbv zeta in E.
  assert (Hl : (length (nonzero [b]) <= 1)%nat) by apply (nonzero_length [b]).
  replace (sum [b]) with b in E by (simpl; ring).
  replace (sum (map Rabs [b])) with (Rabs b) in E by (simpl; ring).
  assert (Hu := unit_pos). assert (Ht := tiny_pos).
  eapply Rle_trans; [exact E|]. fold n.
  assert (Hm : (n + length (nonzero [b]) <= n + 1)%nat) by lia.
  apply Rplus_le_compat.
  - apply Rmult_le_compat_r; [|apply gamma_mono; auto].
    apply Rplus_le_le_0_compat; [|apply Rabs_pos].
    apply absdot_nonneg.
  - apply Rmult_le_compat_l; [|apply pow_mono; auto].
    apply Rmult_le_pos; auto using pos_INR.
Qed.

End Ieee.

(** *** binary64 and binary32, ties to even *)

Definition even_ties (z : Z) : bool := negb (Z.even z).
Definition fl64 : R -> R := fl (-1074) 53 even_ties.
Definition fl32 : R -> R := fl (-149) 24 even_ties.
Definition format64 : R -> Prop := format (-1074) 53.
Definition format32 : R -> Prop := format (-149) 24.
Definition u64 : R := bpow radix2 (-53).
Definition u32 : R := bpow radix2 (-24).
Definition eta64 : R := bpow radix2 (-1075).
Definition eta32 : R := bpow radix2 (-150).

#[global] Instance prec53 : Prec_gt_0 53. Proof. reflexivity. Qed.
#[global] Instance prec24 : Prec_gt_0 24. Proof. reflexivity. Qed.

Theorem binary64_rounds x : rounds u64 eta64 x (fl64 x).
Proof. exact (fl_rounds (-1074) 53 even_ties x). Qed.

Theorem binary32_rounds x : rounds u32 eta32 x (fl32 x).
Proof. exact (fl_rounds (-149) 24 even_ties x). Qed.

Theorem binary64_dot_error l t :
  Permutation (nonzero (products t)) (nonzero (map (fun p => fst p * snd p) l)) ->
  nonzero (numbers t) = [] ->
  let n := length l in
  Rabs (eval fl64 t - dot l) <=
    gamma u64 n * absdot l + INR n * eta64 * (1 + u64) ^ n.
Proof. exact (ieee_dot_error (-1074) 53 even_ties l t). Qed.

Theorem binary64_affine_error l b t :
  format64 b ->
  Permutation (nonzero (products t)) (nonzero (map (fun p => fst p * snd p) l)) ->
  nonzero (numbers t) = nonzero [b] ->
  let n := length l in
  Rabs (eval fl64 t - (dot l + b)) <=
    gamma u64 (n + 1) * (absdot l + Rabs b) + INR n * eta64 * (1 + u64) ^ (n + 1).
Proof. exact (ieee_affine_error (-1074) 53 even_ties l b t). Qed.

Theorem binary32_dot_error l t :
  Permutation (nonzero (products t)) (nonzero (map (fun p => fst p * snd p) l)) ->
  nonzero (numbers t) = [] ->
  let n := length l in
  Rabs (eval fl32 t - dot l) <=
    gamma u32 n * absdot l + INR n * eta32 * (1 + u32) ^ n.
Proof. exact (ieee_dot_error (-149) 24 even_ties l t). Qed.

Theorem binary32_affine_error l b t :
  format32 b ->
  Permutation (nonzero (products t)) (nonzero (map (fun p => fst p * snd p) l)) ->
  nonzero (numbers t) = nonzero [b] ->
  let n := length l in
  Rabs (eval fl32 t - (dot l + b)) <=
    gamma u32 (n + 1) * (absdot l + Rabs b) + INR n * eta32 * (1 + u32) ^ (n + 1).
Proof. exact (ieee_affine_error (-149) 24 even_ties l b t). Qed.
