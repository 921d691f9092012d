//! The fingerprint of RSA moduli made by the library of CVE-2017-15361 ("ROCA").
//!
//! Its primes are k·M + (65537^a mod M) with M a product of small primes, so the modulus is a power of
//! 65537 modulo each of them. A modulus from anywhere else passes all of these tests with a probability
//! below 2^-27.

const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103,
    107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Whether this big-endian modulus has the fingerprint.
pub(super) fn has_fingerprint(modulus: &[u8]) -> bool {
    PRIMES.into_iter().all(|prime| is_power_of_65537(remainder(modulus, prime), prime))
}

fn remainder(modulus: &[u8], prime: u32) -> u32 {
    modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime)
}

fn is_power_of_65537(value: u32, prime: u32) -> bool {
    let mut power = 1;
    for _ in 0..prime {
        if power == value {
            return true;
        }
        power = power * 65_537 % prime;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_power_of_the_generator_and_lets_others_be() {
        // 65537^5 is a power of 65537 modulo every prime, as a weak modulus is.
        let weak = 65_537_u128.pow(5).to_be_bytes();
        assert!(has_fingerprint(&weak));
        let other = (65_537_u128.pow(5) + 1).to_be_bytes();
        assert!(!has_fingerprint(&other));
    }
}
