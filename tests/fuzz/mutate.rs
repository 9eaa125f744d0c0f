//! Changes of an input: bytes, words of a text, fields of a protocol buffer.

/// Reproducible random numbers (SplitMix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 for `n = 0`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % (n.max(1) as u64)) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    fn range(&mut self, n: usize, longest: usize) -> (usize, usize) {
        let a = self.below(n + 1);
        let b = (a + self.below(longest) + 1).min(n);
        (a, b)
    }
}

/// One change of bytes; `other` is another input.
pub fn bytes(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let n = input.len();
    let at = random.below(n);
    match random.below(7) {
        0 if n > 0 => input[at] ^= 1 << random.below(8),
        1 if n > 0 => input[at] = *random.pick(&[0, 1, 0x7f, 0x80, 0xff]).unwrap_or(&0),
        2 => {
            let (a, b) = random.range(n, 16);
            input.drain(a..b);
        }
        3 => input.insert(at, random.next() as u8),
        4 => {
            let (a, b) = random.range(n, 64);
            let copy = input[a..b].to_vec();
            input.splice(at..at, copy);
        }
        5 => {
            let (a, b) = random.range(other.len(), 256);
            input.splice(at..at, other[a..b].iter().copied());
        }
        _ => {
            input.truncate(at);
            let from = random.below(other.len() + 1);
            input.extend(&other[from..]);
        }
    }
}

const WORDS: [&str; 41] = [
    "(",
    ")",
    "and",
    "or",
    "not",
    "=>",
    "<=",
    ">=",
    "<",
    ">",
    "=",
    "+",
    "-",
    "*",
    "/",
    "assert",
    "declare-const",
    "declare-fun",
    "Real",
    "true",
    "false",
    "X_0",
    "X_1",
    "X_2",
    "Y_0",
    "Y_1",
    "X_4294967294",
    "0",
    "1",
    "-1",
    "0.5",
    "1e3",
    "-2.5e-3",
    "1e4096",
    "1e-4096",
    "1e99999",
    "()",
    "(set-info",
    ";",
    "|Y_0|",
    "\"",
];

/// Words and parentheses with what separates them.
fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let mut words: Vec<Vec<u8>> = Vec::new();
    let mut inside = false;
    for &byte in text {
        let plain = !byte.is_ascii_whitespace() && byte != b'(' && byte != b')';
        if plain && inside {
            words.last_mut().expect("inside a word").push(byte);
        } else {
            words.push(vec![byte]);
        }
        inside = plain;
    }
    words
}

/// The group in parentheses that begins at `open`.
fn group(words: &[Vec<u8>], open: usize) -> usize {
    let mut depth = 0usize;
    for (k, word) in words.iter().enumerate().skip(open) {
        match word.as_slice() {
            b"(" => depth += 1,
            b")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return k + 1;
        }
    }
    words.len()
}

/// One change of the words of a text.
pub fn words(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let mut words = split(input);
    let at = random.below(words.len());
    let word = |random: &mut Random| random.pick(&WORDS).map_or("", |w| w).as_bytes().to_vec();
    let end = group(&words, at);
    match random.below(6) {
        0 if !words.is_empty() => words[at] = word(random),
        1 => words.insert(at, [word(random), vec![b' ']].concat()),
        2 => drop(words.drain(at..end)),
        3 => {
            let copy = words[at..end].to_vec();
            let to = random.below(words.len());
            for _ in 0..=random.below(8) {
                words.splice(to..to, copy.clone());
            }
        }
        4 => {
            let donor = split(other);
            let from = random.below(donor.len());
            let part = donor[from..group(&donor, from)].to_vec();
            words.splice(at..end, part);
        }
        _ => {
            words.insert(at, b"(".to_vec());
            words.insert(at + 1, [word(random), vec![b' ']].concat());
            words.insert((end + 2).min(words.len()), b")".to_vec());
        }
    }
    *input = words.concat();
}

/// A field of a message: its key and the bytes of its value, without the length.
type Field = (u64, Vec<u8>);

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn put(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn parse(mut bytes: &[u8]) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let before = bytes;
        let taken = match key & 7 {
            0 => {
                varint(&mut bytes)?;
                before.len() - bytes.len()
            }
            1 => 8,
            5 => 4,
            2 => {
                let n = usize::try_from(varint(&mut bytes)?).ok()?;
                let (value, rest) = bytes.split_at_checked(n)?;
                fields.push((key, value.to_vec()));
                bytes = rest;
                continue;
            }
            _ => return None,
        };
        let (value, rest) = before.split_at_checked(taken)?;
        fields.push((key, value.to_vec()));
        bytes = rest;
    }
    Some(fields)
}

fn write(fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in fields {
        put(*key, &mut out);
        if key & 7 == 2 {
            put(value.len() as u64, &mut out);
        }
        out.extend(value);
    }
    out
}

const NUMBERS: [u64; 14] = [
    0,
    1,
    2,
    3,
    7,
    8,
    127,
    1 << 20,
    1 << 31,
    1 << 40,
    u64::MAX,
    u64::MAX - 1,
    i64::MIN as u64,
    i64::MAX as u64,
];

const NAMES: [&str; 66] = [
    "x",
    "y",
    "w",
    "b",
    "c",
    "n",
    "",
    "Gemm",
    "MatMul",
    "Conv",
    "ConvTranspose",
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Max",
    "Min",
    "Pow",
    "Relu",
    "LeakyRelu",
    "Sigmoid",
    "Tanh",
    "Softplus",
    "Sin",
    "Cos",
    "Sqrt",
    "Exp",
    "Sign",
    "Floor",
    "Neg",
    "Softmax",
    "Clip",
    "BatchNormalization",
    "LayerNormalization",
    "AveragePool",
    "MaxPool",
    "GlobalAveragePool",
    "ReduceMean",
    "ReduceSum",
    "Slice",
    "Gather",
    "Pad",
    "Reshape",
    "Flatten",
    "Transpose",
    "Squeeze",
    "Unsqueeze",
    "Expand",
    "Resize",
    "Concat",
    "Split",
    "Shape",
    "ConstantOfShape",
    "Where",
    "Equal",
    "Cast",
    "Identity",
    "Constant",
    "axis",
    "axes",
    "perm",
    "kernel_shape",
    "pads",
    "strides",
    "OdeBlock",
    "ai.dahlquist",
];

/// One change of a field of a message, lengths kept right; false if the bytes
/// are no message.
pub fn message(input: &mut Vec<u8>, other: &[u8], random: &mut Random, depth: u32) -> bool {
    let Some(mut fields) = parse(input).filter(|f| !f.is_empty()) else {
        return false;
    };
    let at = random.below(fields.len());
    // Most changes happen deep inside.
    if depth < 8 && fields[at].0 & 7 == 2 && random.below(6) > 0 {
        let mut inner = fields[at].1.clone();
        if message(&mut inner, other, random, depth + 1) {
            fields[at].1 = inner;
            *input = write(&fields);
            return true;
        }
    }
    match random.below(6) {
        0 => drop(fields.remove(at)),
        1 => {
            let copy = fields[at].clone();
            let to = random.below(fields.len() + 1);
            fields.insert(to, copy);
        }
        2 => {
            let to = random.below(fields.len());
            fields.swap(at, to);
        }
        3 => {
            if let Some(donor) = parse(other).filter(|f| !f.is_empty()) {
                let part = donor[random.below(donor.len())].clone();
                fields[at] = part;
            }
        }
        _ => {
            let number = *random.pick(&NUMBERS).unwrap_or(&0);
            let (key, value) = &mut fields[at];
            match *key & 7 {
                0 => {
                    value.clear();
                    put(number, value);
                }
                2 if random.below(2) == 0 => {
                    *value = random.pick(&NAMES).map_or("", |n| n).as_bytes().to_vec();
                }
                2 => bytes(value, other, random),
                _ => {
                    let k = random.below(value.len());
                    value[k] ^= random.next() as u8;
                }
            }
        }
    }
    *input = write(&fields);
    true
}
