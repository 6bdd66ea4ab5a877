import { Flex, InputNumber, Select, Typography } from "antd";
import { useId, useState } from "react";
import { useTranslation } from "react-i18next";

/** Similarities, each with the number of pairs of different people among whom one pair reaches it. */
const KNOWN: [threshold: number, oneIn: number][] = [
  [0.7, 1_000],
  [0.8, 10_000],
  [0.86, 100_000],
  [0.91, 1_000_000],
];
const OWN = "own";
const OTHER = "other";

interface Properties {
  /** 0 to 1; `null`: that of the libraries. */
  value: number | null;
  onChange: (threshold: number | null) => void;
  /** Whether the thresholds of libraries can be chosen. */
  hasOwn: boolean;
}

/** Chooses the similarity from which faces match, by its false-match rate or as a number. */
export function ThresholdChoice({ value, onChange, hasOwn }: Properties) {
  const { t, i18n } = useTranslation("try");
  const id = useId();
  const isKnown = value === null ? hasOwn : KNOWN.some(([threshold]) => threshold === value);
  const [isOther, setIsOther] = useState(!isKnown);
  const number = new Intl.NumberFormat(i18n.language);
  const options = [
    ...(hasOwn ? [{ value: OWN, label: t("threshold.own") }] : []),
    ...KNOWN.map(([threshold, oneIn]) => ({
      value: String(threshold),
      label: t("threshold.known", { threshold: threshold.toFixed(2), rate: number.format(oneIn) }),
    })),
    { value: OTHER, label: t("threshold.other") },
  ];
  const choose = (key: string) => {
    setIsOther(key === OTHER);
    if (key === OWN) onChange(null);
    else if (key === OTHER) onChange(value ?? 0.8);
    else onChange(Number(key));
  };
  return (
    <Flex vertical gap={4} style={{ flex: "1 1 240px", minWidth: 0 }}>
      <label htmlFor={id}>
        <Typography.Text>{t("threshold.label")}</Typography.Text>
      </label>
      <Flex gap={8}>
        <Select
          id={id}
          style={{ flex: 1, minWidth: 0 }}
          value={isOther || !isKnown ? OTHER : value === null ? OWN : String(value)}
          onChange={choose}
          options={options}
        />
        {(isOther || !isKnown) && (
          <InputNumber
            aria-label={t("threshold.number")}
            min={0}
            max={1}
            step={0.01}
            value={value}
            onChange={(next) => onChange(next ?? 0.8)}
            style={{ width: 90 }}
          />
        )}
      </Flex>
    </Flex>
  );
}
