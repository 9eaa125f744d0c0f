(** * Interval propagation and linear relaxation through ReLU networks

    Soundness over the real numbers. Rounding enters in two places only: a
    propagated box may be any box that encloses the exact one, and an error of
    the coefficients of a linear bound moves into its constant. *)

From Coq Require Import Reals List Lra Lia.
Import ListNotations.
Open Scope R_scope.

(** ** Vectors, affine maps, networks *)

(** Vectors are lists; a missing component counts as zero. *)
Fixpoint dotv (w x : list R) : R :=
  match w, x with
  | a :: w', b :: x' => a * b + dotv w' x'
  | _, _ => 0
  end.

(** An affine map is the list of its rows, each with its bias. *)
Definition affine := list (list R * R).
Definition apply (A : affine) (x : list R) : list R :=
  map (fun r => dotv (fst r) x + snd r) A.

Definition relu (x : R) : R := Rmax 0 x.

Inductive layer := Affine (A : affine) | Relu.

Definition forward (ly : layer) (x : list R) : list R :=
  match ly with Affine A => apply A x | Relu => map relu x end.

(** The first layer of the list acts first. *)
Fixpoint network (ls : list layer) (x : list R) : list R :=
  match ls with [] => x | ly :: ls' => network ls' (forward ly x) end.

(** ** Boxes *)

Definition interval : Type := (R * R)%type.
Definition box := list interval.

Definition within (x : R) (i : interval) : Prop := fst i <= x <= snd i.
Definition inside (x : list R) (b : box) : Prop := Forall2 within x b.

Definition iadd (i j : interval) : interval := (fst i + fst j, snd i + snd j).
Definition iscale (w : R) (i : interval) : interval :=
  if Rle_dec 0 w then (w * fst i, w * snd i) else (w * snd i, w * fst i).
Definition irelu (i : interval) : interval := (relu (fst i), relu (snd i)).

Fixpoint idot (w : list R) (b : box) : interval :=
  match w, b with
  | a :: w', i :: b' => iadd (iscale a i) (idot w' b')
  | _, _ => (0, 0)
  end.

Definition iapply (A : affine) (b : box) : box :=
  map (fun r => iadd (idot (fst r) b) (snd r, snd r)) A.

Definition iforward (ly : layer) (b : box) : box :=
  match ly with Affine A => iapply A b | Relu => map irelu b end.

Fixpoint propagate (ls : list layer) (b : box) : box :=
  match ls with [] => b | ly :: ls' => propagate ls' (iforward ly b) end.

Lemma iadd_sound x y i j : within x i -> within y j -> within (x + y) (iadd i j).
Proof. unfold within, iadd. simpl. lra. Qed.

Lemma iscale_sound w x i : within x i -> within (w * x) (iscale w i).
Proof.
  unfold within, iscale. intros [Hl Hh]. destruct (Rle_dec 0 w) as [Hw|Hw]; simpl.
  - split; apply Rmult_le_compat_l; auto.
  - split; apply Rmult_le_compat_neg_l; auto; lra.
Qed.

Lemma idot_sound w x b : inside x b -> within (dotv w x) (idot w b).
Proof.
  intros H. revert w. induction H as [|x i xs b Hx _ IH]; intros [|a w]; simpl;
    try (unfold within; simpl; lra).
  apply iadd_sound; auto using iscale_sound.
Qed.

Lemma relu_mono x y : x <= y -> relu x <= relu y.
Proof. intros H. unfold relu. apply Rle_max_compat_l, H. Qed.

Lemma irelu_sound x i : within x i -> within (relu x) (irelu i).
Proof. intros [Hl Hh]. split; simpl; apply relu_mono; auto. Qed.

Lemma iforward_sound ly x b : inside x b -> inside (forward ly x) (iforward ly b).
Proof.
  intros H. destruct ly as [A|]; simpl.
  - unfold apply, iapply. induction A as [|r A IH]; simpl; constructor; auto.
    apply iadd_sound; [now apply idot_sound|]. unfold within. simpl. lra.
  - induction H; simpl; constructor; auto using irelu_sound.
Qed.

(** The image of a box lies in the propagated box. *)
Theorem propagate_sound ls x b :
  inside x b -> inside (network ls x) (propagate ls b).
Proof.
  revert x b. induction ls as [|ly ls IH]; simpl; auto using iforward_sound.
Qed.

(** *** Boxes computed with outward rounding *)

Definition encloses (b' b : box) : Prop :=
  Forall2 (fun i' i => fst i' <= fst i /\ snd i <= snd i') b' b.

Lemma encloses_inside b' b x : encloses b' b -> inside x b -> inside x b'.
Proof.
  intros He. revert x. induction He as [|i' i b' b Hi _ IH]; intros x H; inversion H;
    subst; constructor.
  - unfold within in *. lra.
  - now apply IH.
Qed.

(** [propagates ls b c]: [c] results from [b] when the box computed at each
    layer encloses the exact propagation of the box before it. *)
Inductive propagates : list layer -> box -> box -> Prop :=
  | p_nil b : propagates [] b b
  | p_cons ly ls b b' c :
      encloses b' (iforward ly b) -> propagates ls b' c -> propagates (ly :: ls) b c.

Theorem propagates_sound ls b c x :
  propagates ls b c -> inside x b -> inside (network ls x) c.
Proof.
  intros H. revert x. induction H as [b|ly ls b b' c He _ IH]; simpl; intros x Hx; auto.
  apply IH. eapply encloses_inside; [exact He|]. now apply iforward_sound.
Qed.

(** ** The relaxation of one ReLU *)

(** For [l < 0 < u] a line through the origin with slope in [0,1] stays below,
    the chord stays above. *)
Theorem relu_lower a x : 0 <= a <= 1 -> a * x <= relu x.
Proof.
  intros [H0 H1]. unfold relu. destruct (Rle_dec 0 x) as [Hx|Hx].
  - rewrite Rmax_right by exact Hx.
    rewrite <- (Rmult_1_l x) at 2. now apply Rmult_le_compat_r.
  - rewrite Rmax_left by lra. rewrite <- (Rmult_0_r a).
    apply Rmult_le_compat_l; lra.
Qed.

Theorem relu_upper l u x :
  l < 0 < u -> l <= x <= u -> relu x <= u * (x - l) / (u - l).
Proof.
  intros [Hl Hu] [Hlx Hxu].
  apply (Rmult_le_reg_r (u - l)); [lra|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  unfold relu. destruct (Rle_dec 0 x) as [Hx|Hx].
  - rewrite Rmax_right by exact Hx.
    assert (0 <= (- l) * (u - x)); [|lra]. apply Rmult_le_pos; lra.
  - rewrite Rmax_left by lra. rewrite Rmult_0_l. apply Rmult_le_pos; lra.
Qed.

Theorem relu_relaxation a l u x :
  l < 0 < u -> 0 <= a <= 1 -> l <= x <= u ->
  a * x <= relu x <= u * (x - l) / (u - l).
Proof. intros. split; [now apply relu_lower|now apply relu_upper]. Qed.

(** Bounds of the input of one ReLU and the slope chosen for its lower line. *)
Record neuron := { lo : R; hi : R; slope : R }.

(** Lines [(s, t)], for [s x + t], below and above the ReLU on [lo, hi]; exact
    where its sign is known. *)
Definition lower_line (n : neuron) : R * R :=
  if Rle_dec 0 (lo n) then (1, 0)
  else if Rle_dec (hi n) 0 then (0, 0) else (slope n, 0).

Definition upper_line (n : neuron) : R * R :=
  if Rle_dec 0 (lo n) then (1, 0)
  else if Rle_dec (hi n) 0 then (0, 0)
  else (hi n / (hi n - lo n), - (hi n * lo n) / (hi n - lo n)).

Definition respected (x : R) (n : neuron) : Prop :=
  lo n <= x <= hi n /\ 0 <= slope n <= 1.

Lemma lower_line_sound x n :
  respected x n -> fst (lower_line n) * x + snd (lower_line n) <= relu x.
Proof.
  intros [Hx Hs]. unfold lower_line.
  destruct (Rle_dec 0 (lo n)); [|destruct (Rle_dec (hi n) 0)]; simpl.
  - unfold relu. rewrite Rmax_right; lra.
  - unfold relu. rewrite Rmax_left; lra.
  - rewrite Rplus_0_r. now apply relu_lower.
Qed.

Lemma upper_line_sound x n :
  respected x n -> relu x <= fst (upper_line n) * x + snd (upper_line n).
Proof.
  intros [Hx Hs]. unfold upper_line.
  destruct (Rle_dec 0 (lo n)); [|destruct (Rle_dec (hi n) 0)]; simpl.
  - unfold relu. rewrite Rmax_right; lra.
  - unfold relu. rewrite Rmax_left; lra.
  - eapply Rle_trans; [apply (relu_upper (lo n) (hi n)); lra|].
    apply Req_le. field. lra.
Qed.

(** ** Backward linear bounds *)

(** The line that bounds [c * relu x] from below depends on the sign of [c]. *)
Definition below (c : R) (n : neuron) : R * R :=
  if Rle_dec 0 c then lower_line n else upper_line n.

Lemma below_sound c x n :
  respected x n -> c * (fst (below c n) * x + snd (below c n)) <= c * relu x.
Proof.
  intros H. unfold below. destruct (Rle_dec 0 c) as [Hc|Hc].
  - apply Rmult_le_compat_l; auto using lower_line_sound.
  - apply Rmult_le_compat_neg_l; [lra|]. now apply upper_line_sound.
Qed.

(** [form]: the affine function [x |-> Lambda x + c]. *)
Definition form : Type := (list R * R)%type.
Definition value (f : form) (x : list R) : R := dotv (fst f) x + snd f.

Fixpoint back_relu_lin (L : list R) (ns : list neuron) : list R :=
  match L, ns with
  | a :: L', n :: ns' => a * fst (below a n) :: back_relu_lin L' ns'
  | _, _ => []
  end.

Fixpoint back_relu_const (L : list R) (ns : list neuron) : R :=
  match L, ns with
  | a :: L', n :: ns' => a * snd (below a n) + back_relu_const L' ns'
  | _, _ => 0
  end.

Definition back_relu (ns : list neuron) (f : form) : form :=
  (back_relu_lin (fst f) ns, back_relu_const (fst f) ns + snd f).

(** A lower bound in the outputs of a ReLU layer gives one in its inputs. *)
Theorem back_relu_sound ns f x :
  Forall2 respected x ns -> value (back_relu ns f) x <= value f (map relu x).
Proof.
  destruct f as [L c]. unfold value, back_relu. simpl. intros H.
  enough (E : dotv (back_relu_lin L ns) x + back_relu_const L ns <= dotv L (map relu x))
    by lra.
  revert L. induction H as [|x n xs ns Hx _ IH]; intros [|a L]; simpl; try lra.
  specialize (IH L). pose proof (below_sound a x n Hx). lra.
Qed.

(** Sum of vectors of possibly different length. *)
Fixpoint vadd (v w : list R) : list R :=
  match v, w with
  | a :: v', b :: w' => a + b :: vadd v' w'
  | [], _ => w
  | _, [] => v
  end.

Lemma dotv_vadd v w x : dotv (vadd v w) x = dotv v x + dotv w x.
Proof.
  revert w x. induction v as [|a v IH]; intros [|b w] [|y x]; simpl; try lra.
  rewrite IH. ring.
Qed.

Lemma dotv_scale c v x : dotv (map (Rmult c) v) x = c * dotv v x.
Proof.
  revert x. induction v as [|a v IH]; intros [|y x]; simpl; try ring.
  rewrite IH. ring.
Qed.

(** [Lambda A], and [Lambda b]. *)
Fixpoint back_lin (L : list R) (A : affine) : list R :=
  match L, A with
  | a :: L', r :: A' => vadd (map (Rmult a) (fst r)) (back_lin L' A')
  | _, _ => []
  end.

Fixpoint back_const (L : list R) (A : affine) : R :=
  match L, A with
  | a :: L', r :: A' => a * snd r + back_const L' A'
  | _, _ => 0
  end.

Definition back_affine (A : affine) (f : form) : form :=
  (back_lin (fst f) A, back_const (fst f) A + snd f).

Theorem back_affine_exact A f x : value (back_affine A f) x = value f (apply A x).
Proof.
  destruct f as [L c]. unfold value, back_affine. simpl.
  enough (E : dotv (back_lin L A) x + back_const L A = dotv L (apply A x)) by lra.
  revert L. induction A as [|r A IH]; intros [|a L]; simpl; try lra.
  rewrite dotv_vadd, dotv_scale, <- IH. ring.
Qed.

(** ** The whole backward pass *)

(** A network together with the bounds and slopes used at each ReLU layer. *)
Inductive rlayer := RAffine (A : affine) | RRelu (ns : list neuron).

Definition plain (ly : rlayer) : layer :=
  match ly with RAffine A => Affine A | RRelu _ => Relu end.

Definition back (ly : rlayer) (f : form) : form :=
  match ly with RAffine A => back_affine A f | RRelu ns => back_relu ns f end.

Definition backward (ls : list rlayer) (f : form) : form := fold_right back f ls.

(** The bounds hold along the evaluation at [x]. *)
Fixpoint respects (ls : list rlayer) (x : list R) : Prop :=
  match ls with
  | [] => True
  | ly :: ls' =>
      match ly with RAffine _ => True | RRelu ns => Forall2 respected x ns end
      /\ respects ls' (forward (plain ly) x)
  end.

Theorem backward_sound ls f x :
  respects ls x -> value (backward ls f) x <= value f (network (map plain ls) x).
Proof.
  revert x. induction ls as [|ly ls IH]; simpl; intros x.
  - intros _. lra.
  - intros [Hn Hr]. apply IH in Hr. destruct ly as [A|ns]; simpl in *.
    + now rewrite back_affine_exact.
    + eapply Rle_trans; [apply back_relu_sound; exact Hn|exact Hr].
Qed.

(** Minimum of an affine function over a box. *)
Definition concretize (f : form) (b : box) : R := fst (idot (fst f) b) + snd f.

Lemma concretize_sound f b x : inside x b -> concretize f b <= value f x.
Proof.
  intros H. unfold concretize, value.
  pose proof (idot_sound (fst f) x b H) as [E _]. lra.
Qed.

(** Bounds at each ReLU taken from boxes that enclose the propagated ones. *)
Definition bounds_of (ns : list neuron) : box := map (fun n => (lo n, hi n)) ns.

Fixpoint prepared (ls : list rlayer) (b : box) : Prop :=
  match ls with
  | [] => True
  | RAffine A :: ls' =>
      exists b', encloses b' (iapply A b) /\ prepared ls' b'
  | RRelu ns :: ls' =>
      encloses (bounds_of ns) b /\ Forall (fun n => 0 <= slope n <= 1) ns /\
      exists b', encloses b' (map irelu (bounds_of ns)) /\ prepared ls' b'
  end.

Lemma bounds_respected ns x :
  inside x (bounds_of ns) -> Forall (fun n => 0 <= slope n <= 1) ns ->
  Forall2 respected x ns.
Proof.
  revert x. induction ns as [|n ns IH]; simpl; intros x Hx Hs; inversion Hx; subst;
    inversion Hs; subst; constructor.
  - split; auto.
  - now apply IH.
Qed.

Lemma prepared_respects ls b x : prepared ls b -> inside x b -> respects ls x.
Proof.
  revert b x. induction ls as [|ly ls IH]; simpl; auto.
  intros b x Hp Hx. destruct ly as [A|ns]; simpl.
  - destruct Hp as (b' & He & Hp). split; auto. apply (IH b'); auto.
    eapply encloses_inside; [exact He|]. now apply (iforward_sound (Affine A)).
  - destruct Hp as (He & Hs & b' & He' & Hp).
    assert (Hin : inside x (bounds_of ns)) by (eapply encloses_inside; eassumption).
    split; [now apply bounds_respected|]. apply (IH b'); auto.
    eapply encloses_inside; [exact He'|]. now apply (iforward_sound Relu).
Qed.

(** Linear relaxation bounds every linear function of the output from below on
    the whole box; negating [f] gives the upper bound. *)
Theorem crown_sound ls f b x :
  prepared ls b -> inside x b ->
  concretize (backward ls f) b <= value f (network (map plain ls) x).
Proof.
  intros Hp Hx. eapply Rle_trans; [apply concretize_sound; exact Hx|].
  apply backward_sound. eapply prepared_respects; eassumption.
Qed.

(** ** Inexact coefficients *)

(** If the coefficients are known up to [d] and [|x| <= m], subtracting [d m]
    keeps the bound: the error moves into the constant. *)
Theorem absorb L L' d m x :
  Forall2 (fun p e => Rabs (fst p - snd p) <= e) (combine L' L) d ->
  length L' = length L -> length L = length x ->
  Forall2 (fun y e => Rabs y <= e) x m ->
  dotv L' x - dotv d m <= dotv L x.
Proof.
  revert L L' d m. induction x as [|y x IH]; intros L L' d m Hd H1 H2 Hm.
  - destruct L; [|discriminate]. destruct L'; [|discriminate].
    inversion Hd; subst. simpl. lra.
  - destruct L as [|a L]; [discriminate|]. destruct L' as [|a' L']; [discriminate|].
    inversion Hd as [|p e ps d' Ha Hd']; subst. inversion Hm as [|q k qs m' Hk Hm']; subst.
    simpl in *. assert (E := IH L L' d' m' Hd' ltac:(congruence) ltac:(congruence) Hm').
    assert (Rabs ((a' - a) * y) <= e * k).
    { rewrite Rabs_mult. apply Rmult_le_compat; auto using Rabs_pos. }
    pose proof (Rle_abs ((a' - a) * y)). lra.
Qed.
