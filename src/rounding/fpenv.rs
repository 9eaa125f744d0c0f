//! The floating-point environment of the calling thread.
//!
//! Every rounding argument assumes round to nearest with subnormals kept.
//! Shared objects built with `-ffast-math` turn flushing on for the thread that
//! loads them, so entry points ask here first.

/// The thread's floating-point mode breaks the rounding model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error(
    "the floating-point environment of this thread is not the default ({what}; control register {register:#x}); a library loaded into this process may have changed it"
)]
pub struct EnvironmentError {
    /// what is not default
    pub what: &'static str,
    /// the control register (MXCSR or FPCR)
    pub register: u64,
}

/// Reads the control register of the calling thread; errors if rounding is not
/// to nearest or subnormals are flushed. On an architecture without a known
/// register there is nothing to read and the language's own promise stands.
pub fn check_environment() -> Result<(), EnvironmentError> {
    #[cfg(target_arch = "x86_64")]
    return inspect_mxcsr(mxcsr());
    #[cfg(target_arch = "aarch64")]
    return inspect_fpcr(fpcr());
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    Ok(())
}

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
fn mxcsr() -> u32 {
    let mut register = 0u32;
    // SAFETY: stmxcsr writes the four bytes of `register` and changes nothing else.
    unsafe {
        std::arch::asm!(
            "stmxcsr [{}]",
            in(reg) &raw mut register,
            options(nostack, preserves_flags)
        );
    }
    register
}

#[cfg(target_arch = "aarch64")]
#[allow(unsafe_code)]
fn fpcr() -> u64 {
    let register: u64;
    // SAFETY: reads a control register into `register` and changes nothing else.
    unsafe {
        std::arch::asm!("mrs {}, fpcr", out(reg) register, options(nomem, nostack, preserves_flags));
    }
    register
}

/// Intel 64 manual, volume 1, section 10.2.3: DAZ bit 6, rounding control bits
/// 13 and 14, FTZ bit 15.
#[cfg(any(target_arch = "x86_64", test))]
fn inspect_mxcsr(register: u32) -> Result<(), EnvironmentError> {
    let error = |what| {
        Err(EnvironmentError {
            what,
            register: u64::from(register),
        })
    };
    if register >> 13 & 3 != 0 {
        error("rounding is not to nearest")
    } else if register >> 15 & 1 != 0 {
        error("subnormal results are flushed to zero")
    } else if register >> 6 & 1 != 0 {
        error("subnormal operands are read as zero")
    } else {
        Ok(())
    }
}

/// Arm architecture reference, FPCR: rounding mode bits 22 and 23, FZ bit 24.
#[cfg(any(target_arch = "aarch64", test))]
fn inspect_fpcr(register: u64) -> Result<(), EnvironmentError> {
    if register >> 22 & 3 != 0 {
        Err(EnvironmentError {
            what: "rounding is not to nearest",
            register,
        })
    } else if register >> 24 & 1 != 0 {
        Err(EnvironmentError {
            what: "subnormal numbers are flushed to zero",
            register,
        })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_passes_and_others_do_not() {
        assert_eq!(check_environment(), Ok(()));
        assert_eq!(inspect_mxcsr(0x1f80), Ok(()));
        // exception flags already raised do not matter
        assert_eq!(inspect_mxcsr(0x1fbf), Ok(()));
        for bad in [0x3f80, 0x5f80, 0x9f80, 0x1fc0] {
            assert!(inspect_mxcsr(bad).is_err(), "{bad:#x}");
        }
        assert_eq!(inspect_fpcr(0), Ok(()));
        assert!(inspect_fpcr(1 << 24).is_err() && inspect_fpcr(1 << 22).is_err());
    }
}
