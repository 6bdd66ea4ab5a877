import type { TFunction } from "i18next";
import { countText, shareText } from "../../common/numbers";

/** Below this a false-match rate is not known. */
const LEAST_RATE = 1e-7;

/** Returns a false-match rate in words: in how many comparisons of different people one matches. */
export function rateText(t: TFunction<"libraries">, rate: number): string {
  if (rate <= LEAST_RATE * 1.000_001) return t("rate.below", { comparisons: countText(1 / LEAST_RATE) });
  return t("rate.oneIn", { comparisons: countText(rounded(1 / rate)) });
}

/** Returns the share of strangers, 0 to 1, whom a search takes for somebody of a library with so many faces. */
export function strangersNamed(rate: number, faces: number): number {
  return -Math.expm1(faces * Math.log1p(-Math.min(rate, 0.999_999)));
}

/** Returns that share as text. */
export function strangersText(rate: number, faces: number): string {
  const share = strangersNamed(rate, faces);
  return share < 1e-4 && share > 0 ? `< ${shareText(1e-4)}` : shareText(share);
}

// Two digits tell enough of an estimate.
function rounded(value: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1);
  return Math.round(value / step) * step;
}
