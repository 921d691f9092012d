//! The two places where DER is met: the numbers of an RSA public key, and ECDSA signatures in the form that
//! JWS does not use.

/// The modulus and the exponent of an `RSAPublicKey` (RFC 8017 §A.1.1), without sign bytes.
pub(super) fn rsa_public_key(der: &[u8]) -> (&[u8], &[u8]) {
    let (sequence, _) = value(der);
    let (modulus, rest) = value(sequence);
    let (exponent, _) = value(rest);
    (unsigned(modulus), unsigned(exponent))
}

/// An ECDSA signature of JWS (r and s side by side) as the `Ecdsa-Sig-Value` of X.509 (RFC 3279 §2.2.3).
pub(super) fn ecdsa_signature(fixed: &[u8]) -> Vec<u8> {
    let (r, s) = fixed.split_at(fixed.len() / 2);
    let body = [integer(r), integer(s)].concat();
    tagged(0x30, &body)
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = unsigned(bytes).to_vec();
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    tagged(0x02, &bytes)
}

fn tagged(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).expect("signatures are shorter than 256 bytes");
    let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [&head[..], body].concat()
}

fn unsigned(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// The first value and what follows it.
fn value(der: &[u8]) -> (&[u8], &[u8]) {
    let (length, head) = match der[1] {
        short @ ..0x80 => (usize::from(short), 2),
        long => {
            let bytes = usize::from(long & 0x7f);
            let length = der[2..2 + bytes].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
            (length, 2 + bytes)
        }
    };
    der[head..].split_at(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_numbers_of_a_key() {
        assert_eq!(rsa_public_key(&[0x30, 7, 2, 2, 0, 0x9f, 2, 1, 3]), (&[0x9f][..], &[3][..]));
    }

    #[test]
    fn writes_integers_shortest_and_unsigned() {
        assert_eq!(ecdsa_signature(&[0, 1, 0x80, 2]), [0x30, 8, 2, 1, 1, 2, 3, 0, 0x80, 2]);
    }
}
