import i18next from "i18next";

const KIB = 1024;
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

function format(value: number, options: Intl.NumberFormatOptions): string {
  return new Intl.NumberFormat(i18next.language === "zh" ? "zh-CN" : "en", options).format(value);
}

/** A count as text, with separators. */
export function countText(count: number): string {
  return format(count, { maximumFractionDigits: 0 });
}

/** A share, 0 to 1, in percent with two significant digits. */
export function shareText(share: number): string {
  return format(share, { style: "percent", maximumSignificantDigits: 2 });
}

/** A size in bytes as text. */
export function bytesText(bytes: number): string {
  let [size, unit] = [bytes, 0];
  while (size >= KIB && unit < UNITS.length - 1) [size, unit] = [size / KIB, unit + 1];
  return `${format(size, { maximumFractionDigits: size < 10 && unit > 0 ? 1 : 0 })} ${UNITS[unit]}`;
}

/** A share, 0 to 1, in percent with at most one decimal, for shares whose rest matters: 99.8 % is not 100 %. */
export function percentText(share: number): string {
  return format(share, { style: "percent", maximumFractionDigits: 1 });
}
