//! Parameter sets and slice headers (ITU-T H.264 section 7.3.2), as far as a server must know them.

use crate::codec::bits::Bits;
use crate::wire::{Malformed, Parsed};

/// Macroblocks in one direction: level 6.2 allows 139,264 in all, and the square root of eight times that each way
/// (section A.3.1).
const SIDE_MAX: u32 = 1055;

/// A sequence parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    pub profile: u8,
    /// `constraint_set0_flag` in the highest bit, as the second byte of a `profile-level-id`.
    pub constraints: u8,
    pub level: u8,
    pub id: u8,
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format: u8,
    /// Bits of a luma sample, 8 to 14.
    pub bit_depth: u8,
    pub chroma_bit_depth: u8,
    /// Pixels that are shown: cropping is taken off.
    pub width: u32,
    pub height: u32,
    pub is_interlaced: bool,
    /// How many pictures a decoder must hold back to show them in order; 0 means that there are no B-frames. None
    /// where the set leaves it open.
    pub reorder_frames: Option<u8>,
}

impl Sps {
    /// Reads a NAL unit of type 7, header byte included.
    pub fn read(unit: &[u8]) -> Parsed<Self> {
        let rbsp = unescape(unit, super::NAL_SPS)?;
        let mut bits = Bits::new(&rbsp);
        let [profile, constraints, level] = [bits.read(8)? as u8, bits.read(8)? as u8, bits.read(8)? as u8];
        let id = bits.exp_golomb(31)? as u8;
        let format = Format::read(profile, &mut bits)?;
        bits.exp_golomb(12)?; // log2_max_frame_num_minus4
        let picture_order = picture_order(&mut bits)?;
        bits.exp_golomb(16)?; // max_num_ref_frames
        bits.flag()?; // gaps_in_frame_num_value_allowed_flag
        let (width, height, is_interlaced) = size(format.chroma, &mut bits)?;
        let told = if bits.flag()? { reordering_in_vui(&mut bits)? } else { None };
        // Baseline has no B-frames, and type 2 orders pictures as they are decoded (section 8.2.1.3).
        let is_ordered = profile == 66 || picture_order == 2;
        let reorder_frames =
            if is_ordered { Some(0) } else { told.or_else(|| implied_reordering(profile, constraints)) };
        Ok(Self {
            profile,
            constraints,
            level,
            id,
            chroma_format: format.chroma,
            bit_depth: format.luma_depth,
            chroma_bit_depth: format.chroma_depth,
            width,
            height,
            is_interlaced,
            reorder_frames,
        })
    }
}

/// A picture parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pps {
    pub id: u8,
    /// The sequence parameter set that it belongs to.
    pub sps: u8,
    pub is_cabac: bool,
}

impl Pps {
    /// Reads a NAL unit of type 8, header byte included.
    pub fn read(unit: &[u8]) -> Parsed<Self> {
        let rbsp = unescape(unit, super::NAL_PPS)?;
        let mut bits = Bits::new(&rbsp);
        Ok(Self { id: bits.exp_golomb(255)? as u8, sps: bits.exp_golomb(31)? as u8, is_cabac: bits.flag()? })
    }
}

/// What a slice may refer to (table 7-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliceKind {
    /// The past; also SP.
    P,
    /// Past and future: it leaves the order of decoding, or costs a decoder a frame of delay.
    B,
    /// Nothing; also SI.
    I,
}

impl SliceKind {
    /// Reads it from a NAL unit of type 1 or 5, header byte included.
    pub fn read(unit: &[u8]) -> Parsed<Self> {
        // Two codes of at most 37 and 7 bits, escaped or not, end within these bytes.
        let head = &unit[..unit.len().min(12)];
        let kind = unit.first().map_or(0, |header| header & 0x1f);
        if !matches!(kind, 1 | super::NAL_IDR) {
            return Err(Malformed::Value);
        }
        let rbsp = unescape(head, kind)?;
        let mut bits = Bits::new(&rbsp);
        bits.exp_golomb(SIDE_MAX * SIDE_MAX)?; // first_mb_in_slice
        Ok(match bits.exp_golomb(9)? % 5 {
            0 | 3 => Self::P,
            1 => Self::B,
            _ => Self::I,
        })
    }
}

/// Chroma format and depths.
struct Format {
    chroma: u8,
    luma_depth: u8,
    chroma_depth: u8,
}

/// Profiles that tell them (section 7.3.2.1.1); the others have 4:2:0 and 8 bits.
const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

impl Format {
    fn read(profile: u8, bits: &mut Bits<'_>) -> Parsed<Self> {
        if !HIGH_PROFILES.contains(&profile) {
            return Ok(Self { chroma: 1, luma_depth: 8, chroma_depth: 8 });
        }
        let chroma = bits.exp_golomb(3)? as u8;
        if chroma == 3 {
            bits.flag()?; // separate_colour_plane_flag
        }
        let luma_depth = 8 + bits.exp_golomb(6)? as u8;
        let chroma_depth = 8 + bits.exp_golomb(6)? as u8;
        bits.flag()?; // qpprime_y_zero_transform_bypass_flag
        if bits.flag()? {
            skip_scaling_lists(if chroma == 3 { 12 } else { 8 }, bits)?;
        }
        Ok(Self { chroma, luma_depth, chroma_depth })
    }
}

fn skip_scaling_lists(count: usize, bits: &mut Bits<'_>) -> Parsed<()> {
    for list in 0..count {
        if !bits.flag()? {
            continue;
        }
        let (mut last, mut next) = (8, 8);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = (last + bits.signed_exp_golomb()?.rem_euclid(256)) % 256;
            }
            last = if next == 0 { last } else { next };
        }
    }
    Ok(())
}

/// `pic_order_cnt_type`.
fn picture_order(bits: &mut Bits<'_>) -> Parsed<u32> {
    let kind = bits.exp_golomb(2)?;
    if kind == 0 {
        bits.exp_golomb(12)?; // log2_max_pic_order_cnt_lsb_minus4
    }
    if kind == 1 {
        bits.flag()?; // delta_pic_order_always_zero_flag
        bits.signed_exp_golomb()?; // offset_for_non_ref_pic
        bits.signed_exp_golomb()?; // offset_for_top_to_bottom_field
        for _ in 0..bits.exp_golomb(255)? {
            bits.signed_exp_golomb()?; // offset_for_ref_frame
        }
    }
    Ok(kind)
}

/// Width and height in pixels without what is cropped, and whether fields occur (section 7.4.2.1.1).
fn size(chroma: u8, bits: &mut Bits<'_>) -> Parsed<(u32, u32, bool)> {
    let columns = 1 + bits.exp_golomb(SIDE_MAX - 1)?;
    let rows = 1 + bits.exp_golomb(SIDE_MAX - 1)?;
    let fields = if bits.flag()? { 1 } else { 2 };
    if fields == 2 {
        bits.flag()?; // mb_adaptive_frame_field_flag
    }
    bits.flag()?; // direct_8x8_inference_flag
    let (width, height) = (columns * 16, rows * 16 * fields);
    if !bits.flag()? {
        return Ok((width, height, fields == 2));
    }
    let mut crop = || bits.exp_golomb(SIDE_MAX * 32);
    let [left, right, top, bottom] = [crop()?, crop()?, crop()?, crop()?];
    let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
    let unit_y = if chroma == 1 { 2 } else { 1 } * fields;
    let shown = |whole: u32, cropped: u32| whole.checked_sub(cropped).filter(|shown| *shown > 0);
    let width = shown(width, (left + right) * unit_x).ok_or(Malformed::Value)?;
    let height = shown(height, (top + bottom) * unit_y).ok_or(Malformed::Value)?;
    Ok((width, height, fields == 2))
}

/// `max_num_reorder_frames` of the VUI (section E.1.1), if it is there.
fn reordering_in_vui(bits: &mut Bits<'_>) -> Parsed<Option<u8>> {
    const EXTENDED_SAR: u32 = 255;
    if bits.flag()? && bits.read(8)? == EXTENDED_SAR {
        bits.skip(32)?; // sar_width, sar_height
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    if bits.flag()? {
        bits.skip(4)?; // video_format, video_full_range_flag
        if bits.flag()? {
            bits.skip(24)?; // colours
        }
    }
    if bits.flag()? {
        bits.exp_golomb(5)?; // chroma_sample_loc_type_top_field
        bits.exp_golomb(5)?; // chroma_sample_loc_type_bottom_field
    }
    if bits.flag()? {
        bits.skip(65)?; // num_units_in_tick, time_scale, fixed_frame_rate_flag
    }
    let nal_hrd = skip_hrd(bits)?;
    let vcl_hrd = skip_hrd(bits)?;
    if nal_hrd || vcl_hrd {
        bits.flag()?; // low_delay_hrd_flag
    }
    bits.flag()?; // pic_struct_present_flag
    if !bits.flag()? {
        return Ok(None);
    }
    bits.flag()?; // motion_vectors_over_pic_boundaries_flag
    for _ in 0..4 {
        bits.exp_golomb(16)?; // max_bytes_per_pic_denom to log2_max_mv_length_vertical
    }
    bits.exp_golomb(16).map(|frames| Some(frames as u8))
}

/// Reads over HRD parameters (section E.1.2); says whether there were any.
fn skip_hrd(bits: &mut Bits<'_>) -> Parsed<bool> {
    if !bits.flag()? {
        return Ok(false);
    }
    let count = 1 + bits.exp_golomb(31)?;
    bits.skip(8)?; // bit_rate_scale, cpb_size_scale
    for _ in 0..count {
        bits.exp_golomb(u32::MAX - 1)?; // bit_rate_value_minus1
        bits.exp_golomb(u32::MAX - 1)?; // cpb_size_value_minus1
        bits.flag()?; // cbr_flag
    }
    bits.skip(20)?; // lengths of delays and of the time offset
    Ok(true)
}

/// What holds where the VUI is silent (section E.2.1): intra-only profiles reorder nothing, others may.
fn implied_reordering(profile: u8, constraints: u8) -> Option<u8> {
    let is_intra_only = profile == 44 || [86, 100, 110, 122, 244].contains(&profile) && constraints & 0x10 != 0;
    is_intra_only.then_some(0)
}

/// The bits of a NAL unit of this type: header byte and emulation prevention bytes (section 7.4.1) taken out.
fn unescape(unit: &[u8], kind: u8) -> Parsed<Vec<u8>> {
    let (header, rest) = unit.split_first().ok_or(Malformed::Truncated)?;
    if header & 0x1f != kind {
        return Err(Malformed::Value);
    }
    if rest.len() > super::PARAMETER_SET_BYTES_MAX {
        return Err(Malformed::Length);
    }
    let mut rbsp = Vec::with_capacity(rest.len());
    let mut zeros = 0;
    for byte in rest {
        if zeros >= 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        rbsp.push(*byte);
    }
    Ok(rbsp)
}

#[cfg(test)]
mod tests;
