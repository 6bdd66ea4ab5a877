import { CheckCircleFilled, CloseCircleFilled, ExclamationCircleFilled, QuestionCircleFilled } from "@ant-design/icons";
import { Flex, theme } from "antd";
import type { ReactNode } from "react";

export type Tone = "good" | "bad" | "doubtful" | "unknown";

const SIGNS = {
  good: CheckCircleFilled,
  bad: CloseCircleFilled,
  doubtful: ExclamationCircleFilled,
  unknown: QuestionCircleFilled,
};

/** A state in a few words, with a sign for those who can't tell colours apart. */
export function StateText({ tone, children }: { tone: Tone; children: ReactNode }) {
  const { token } = theme.useToken();
  const colors = {
    good: token.colorSuccess,
    bad: token.colorError,
    doubtful: token.colorWarning,
    unknown: token.colorTextSecondary,
  };
  const Sign = SIGNS[tone];
  return (
    <Flex component="span" align="center" gap={4} style={{ color: colors[tone] }}>
      <Sign aria-hidden />
      {children}
    </Flex>
  );
}
