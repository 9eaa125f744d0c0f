# Reads Assumptions.v, then what coqc printed for it; prints each theorem with
# the axioms under it and fails on any that is not allowed.
FNR == NR { if ($1 == "Print" && $2 == "Assumptions") { sub(/\.$/, "", $3); name[++n] = $3 } next }
/^Axioms:$/ || /^Closed under the global context$/ {
    printf "%s%s:", (k ? "\n" : ""), name[++k]
    if ($1 == "Closed") printf " none"
    next
}
/^[^ \t]/ {
    if ($1 !~ /^(ClassicalDedekindReals\.sig_forall_dec|ClassicalDedekindReals\.sig_not_dec|FunctionalExtensionality\.functional_extensionality_dep|Classical_Prop\.classic)$/) {
        bad = bad "\nnot allowed under " name[k] ": " $0
    }
    printf " %s", $1
}
END {
    printf "\n"
    if (k != n || n == 0) { print "expected " n " answers, read " k; exit 1 }
    if (bad) { print substr(bad, 2); exit 1 }
}
