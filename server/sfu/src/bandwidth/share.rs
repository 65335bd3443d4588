//! A path that several pictures share.

/// What each of these pictures may take of `bears`, all in bit/s: those that bring less than an equal part leave the rest
/// to the others. What nobody takes yet is divided too, so that who could send more finds out step by step.
pub(crate) fn picture_share(bears: u64, mut pictures: Vec<u64>) -> u64 {
    pictures.sort_unstable();
    let (count, mut left) = (pictures.len() as u64, bears);
    for (waiting, brings) in (1..=count).rev().zip(&pictures) {
        let equal = left / waiting;
        if *brings >= equal {
            return equal;
        }
        left -= brings;
    }
    pictures.last().map_or(bears, |most| most + left / count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_small_pictures_leave_is_for_the_others() {
        let table: [(&[u64], u64); 7] = [
            (&[], 600),
            (&[5], 600),
            (&[2_000], 600),
            (&[300, 300], 300),
            (&[900, 900, 900], 200),
            (&[900, 100], 500),
            (&[900, 900, 100], 250),
        ];
        for (pictures, each) in table {
            assert_eq!(picture_share(600, pictures.to_vec()), each, "{pictures:?}");
        }
    }

    #[test]
    fn who_sends_what_it_may_soon_has_all_that_a_still_picture_leaves() {
        let mut may = 300;
        for _ in 0..12 {
            may = picture_share(600, vec![5, may]);
        }
        assert!((594..=595).contains(&may), "{may}");
    }

    #[test]
    fn shares_that_are_all_used_fill_the_path() {
        for bears in [60, 600, 1_000_000] {
            for pictures in 1..20 {
                let each = picture_share(bears, vec![bears; pictures]);
                assert!(each * pictures as u64 <= bears && (each + 1) * pictures as u64 > bears);
            }
        }
    }
}
