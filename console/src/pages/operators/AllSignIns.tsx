import { Flex } from "antd";
import { useTranslation } from "react-i18next";
import { SignIns } from "../account/SignIns";

/** The sessions and tokens of all operators, and of the holder of the admin token. */
export function AllSignIns() {
  const { t } = useTranslation("operators");
  return (
    <Flex vertical gap={24}>
      <SignIns kind="session" about={t("sessionsAbout")} level={2} />
      <SignIns kind="token" about={t("tokensAbout")} level={2} />
    </Flex>
  );
}
