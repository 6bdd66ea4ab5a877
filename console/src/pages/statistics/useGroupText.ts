import { useCallback } from "react";
import { useTranslation } from "react-i18next";
import { callName } from "../../common/texts";
import { type Group, isInterface, type Row } from "./statistics";

/** Returns what writes the name of a group of calls. */
export function useGroupText(group: Group) {
  const { t } = useTranslation("statistics");
  return useCallback(
    ({ key, label }: Pick<Row, "key" | "label">) => {
      if (group === "interface") return isInterface(key) ? t(`interfaces.${key}`) : key;
      if (group === "method") return callName(key, label ?? key);
      return key === "" ? t("noEngine") : key;
    },
    [group, t],
  );
}
