(** * From finite results to the rounding function

    In IEEE arithmetic an operation that overflows gives an infinity, and an
    infinity never turns back into a finite number under sums and products: only
    into an infinity or a NaN. Hence a finite final result certifies that no
    operation overflowed, and that the computed number is the one obtained with
    the rounding function on the reals. *)

From Coq Require Import Reals List Permutation Bool.
From Flocq Require Import Core BinarySingleNaN.
From Dahlquist Require Import Rounding.
Import ListNotations.
Open Scope R_scope.

Section Finite.

Variables prec emax : Z.
Context {prec_pos : Prec_gt_0 prec}.
Context {prec_emax : Prec_lt_emax prec emax}.

Notation num := (binary_float prec emax).
Let emin := (3 - emax - prec)%Z.
Let rnd := fl emin prec even_ties.

(** The tree evaluated with the IEEE operations, ties to even. *)
Fixpoint ieee (t : tree num) : num :=
  match t with
  | Prod x y => Bmult mode_NE x y
  | Num b => b
  | Add l r => Bplus mode_NE (ieee l) (ieee r)
  | Fma x y s => Bfma mode_NE x y (ieee s)
  end.

Lemma overflow_not_finite (x : num) s :
  B2SF x = binary_overflow prec emax mode_NE s -> is_finite x = false.
Proof. destruct x; simpl; try reflexivity; discriminate. Qed.

Lemma mult_finite (x y : num) :
  is_finite (Bmult mode_NE x y) = true ->
  B2R (Bmult mode_NE x y) = rnd (B2R x * B2R y).
Proof.
  intros H. pose proof (Bmult_correct prec emax _ _ mode_NE x y) as E.
  destruct (Rlt_bool _ _).
  - apply E.
  - apply overflow_not_finite in E. congruence.
Qed.

Lemma plus_finite (x y : num) :
  is_finite (Bplus mode_NE x y) = true ->
  is_finite x = true /\ is_finite y = true /\
  B2R (Bplus mode_NE x y) = rnd (B2R x + B2R y).
Proof.
  intros H.
  assert (F : is_finite x = true /\ is_finite y = true).
  { destruct x as [sx|sx| |sx mx ex Hx], y as [sy|sy| |sy my ey Hy]; simpl in H;
      try discriminate; auto.
    destruct (Bool.eqb sx sy); discriminate. }
  destruct F as [Fx Fy]. split; [exact Fx|]. split; [exact Fy|].
  pose proof (Bplus_correct prec emax _ _ mode_NE x y Fx Fy) as E.
  destruct (Rlt_bool _ _).
  - apply E.
  - destruct E as [E _]. apply overflow_not_finite in E. congruence.
Qed.

Lemma fma_finite (x y z : num) :
  is_finite (Bfma mode_NE x y z) = true ->
  is_finite z = true /\
  B2R (Bfma mode_NE x y z) = rnd (B2R x * B2R y + B2R z).
Proof.
  intros H.
  assert (F : is_finite x = true /\ is_finite y = true /\ is_finite z = true).
  { destruct x as [sx|sx| |sx mx ex Hx], y as [sy|sy| |sy my ey Hy],
      z as [sz|sz| |sz mz ez Hz]; simpl in H; try discriminate; auto;
      repeat match type of H with context [if ?c then _ else _] => destruct c end;
      try discriminate. }
  destruct F as (Fx & Fy & Fz). split; [exact Fz|].
  pose proof (Bfma_correct prec emax _ _ mode_NE x y z Fx Fy Fz) as E.
  cbv zeta in E. destruct (Rlt_bool _ _).
  - apply E.
  - apply overflow_not_finite in E. congruence.
Qed.

Theorem finite_eval t :
  is_finite (ieee t) = true -> B2R (ieee t) = eval rnd (tmap B2R t).
Proof.
  induction t as [x y|b|l IHl r IHr|x y s IHs]; simpl; intros H.
  - now apply mult_finite.
  - reflexivity.
  - apply plus_finite in H. destruct H as (Hl & Hr & E). now rewrite E, IHl, IHr.
  - apply fma_finite in H. destruct H as (Hs & E). now rewrite E, IHs.
Qed.

End Finite.

(** The dot product and affine theorems for actual binary64 and binary32 data. *)
Notation b64 := (binary_float 53 1024).
Notation b32 := (binary_float 24 128).
#[global] Instance emax64 : Prec_lt_emax 53 1024. Proof. reflexivity. Qed.
#[global] Instance emax32 : Prec_lt_emax 24 128. Proof. reflexivity. Qed.
Definition run64 (t : tree b64) : b64 := ieee 53 1024 t.
Definition run32 (t : tree b32) : b32 := ieee 24 128 t.

Definition real64 (x : b64) : R := B2R x.
Definition real32 (x : b32) : R := B2R x.
Definition pairs64 (l : list (b64 * b64)) : list (R * R) :=
  map (fun p => (real64 (fst p), real64 (snd p))) l.
Definition pairs32 (l : list (b32 * b32)) : list (R * R) :=
  map (fun p => (real32 (fst p), real32 (snd p))) l.

Theorem finite64_affine_error (l : list (b64 * b64)) (b : b64) (t : tree b64) :
  Permutation (nonzero (products (tmap real64 t)))
              (nonzero (map (fun p => fst p * snd p) (pairs64 l))) ->
  nonzero (numbers (tmap real64 t)) = nonzero [real64 b] ->
  is_finite (run64 t) = true ->
  let n := length l in
  Rabs (real64 (run64 t) - (dot (pairs64 l) + real64 b)) <=
    gamma u64 (n + 1) * (absdot (pairs64 l) + Rabs (real64 b))
    + INR n * eta64 * (1 + u64) ^ (n + 1).
Proof.
  intros Hp Hb Hf n.
  assert (E : real64 (run64 t) = eval fl64 (tmap real64 t)) by exact (finite_eval 53 1024 t Hf).
  rewrite E.
  assert (Fb : format64 (real64 b)) by exact (generic_format_B2R 53 1024 b).
  pose proof (binary64_affine_error (pairs64 l) (real64 b) (tmap real64 t) Fb Hp Hb) as H.
  assert (En : length (pairs64 l) = n) by apply map_length.
  rewrite En in H. exact H.
Qed.

Theorem finite32_affine_error (l : list (b32 * b32)) (b : b32) (t : tree b32) :
  Permutation (nonzero (products (tmap real32 t)))
              (nonzero (map (fun p => fst p * snd p) (pairs32 l))) ->
  nonzero (numbers (tmap real32 t)) = nonzero [real32 b] ->
  is_finite (run32 t) = true ->
  let n := length l in
  Rabs (real32 (run32 t) - (dot (pairs32 l) + real32 b)) <=
    gamma u32 (n + 1) * (absdot (pairs32 l) + Rabs (real32 b))
    + INR n * eta32 * (1 + u32) ^ (n + 1).
Proof.
  intros Hp Hb Hf n.
  assert (E : real32 (run32 t) = eval fl32 (tmap real32 t)) by exact (finite_eval 24 128 t Hf).
  rewrite E.
  assert (Fb : format32 (real32 b)) by exact (generic_format_B2R 24 128 b).
  pose proof (binary32_affine_error (pairs32 l) (real32 b) (tmap real32 t) Fb Hp Hb) as H.
  assert (En : length (pairs32 l) = n) by apply map_length.
  rewrite En in H. exact H.
Qed.

Theorem finite64_dot_error (l : list (b64 * b64)) (t : tree b64) :
  Permutation (nonzero (products (tmap real64 t)))
              (nonzero (map (fun p => fst p * snd p) (pairs64 l))) ->
  nonzero (numbers (tmap real64 t)) = [] ->
  is_finite (run64 t) = true ->
  let n := length l in
  Rabs (real64 (run64 t) - dot (pairs64 l)) <=
    gamma u64 n * absdot (pairs64 l) + INR n * eta64 * (1 + u64) ^ n.
Proof.
  intros Hp Hb Hf n.
  assert (E : real64 (run64 t) = eval fl64 (tmap real64 t)) by exact (finite_eval 53 1024 t Hf).
  rewrite E.
  pose proof (binary64_dot_error (pairs64 l) (tmap real64 t) Hp Hb) as H.
  cbv zeta in H.
  assert (En : length (pairs64 l) = n) by apply map_length.
  rewrite En in H. exact H.
Qed.

Theorem finite32_dot_error (l : list (b32 * b32)) (t : tree b32) :
  Permutation (nonzero (products (tmap real32 t)))
              (nonzero (map (fun p => fst p * snd p) (pairs32 l))) ->
  nonzero (numbers (tmap real32 t)) = [] ->
  is_finite (run32 t) = true ->
  let n := length l in
  Rabs (real32 (run32 t) - dot (pairs32 l)) <=
    gamma u32 n * absdot (pairs32 l) + INR n * eta32 * (1 + u32) ^ n.
Proof.
  intros Hp Hb Hf n.
  assert (E : real32 (run32 t) = eval fl32 (tmap real32 t)) by exact (finite_eval 24 128 t Hf).
  rewrite E.
  pose proof (binary32_dot_error (pairs32 l) (tmap real32 t) Hp Hb) as H.
  cbv zeta in H.
  assert (En : length (pairs32 l) = n) by apply map_length.
  rewrite En in H. exact H.
Qed.
