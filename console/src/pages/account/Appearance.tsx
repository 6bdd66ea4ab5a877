import { Flex, Radio, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { changeLanguage, currentLanguage, LANGUAGES, type Language } from "../../app/language";
import { THEMES, type ThemeChoice, useThemeChoice } from "../../app/theme";
import { Part } from "../../common/Part";

/** Chooses language and theme of this browser. */
export function Appearance() {
  const { t } = useTranslation("account");
  const { t: shell } = useTranslation("shell");
  const { choice, choose } = useThemeChoice();
  return (
    <Part title={t("appearance")} about={t("appearanceAbout")}>
      <Flex vertical gap={4}>
        <Typography.Text id="account-language">{shell("language")}</Typography.Text>
        <Radio.Group
          aria-labelledby="account-language"
          optionType="button"
          value={currentLanguage()}
          onChange={({ target }) => void changeLanguage(target.value as Language)}
          options={LANGUAGES.map((value) => ({ value, label: <span lang={value}>{t(`languages.${value}`)}</span> }))}
        />
      </Flex>
      <Flex vertical gap={4}>
        <Typography.Text id="account-theme">{shell("theme.title")}</Typography.Text>
        <Radio.Group
          aria-labelledby="account-theme"
          optionType="button"
          value={choice}
          onChange={({ target }) => choose(target.value as ThemeChoice)}
          options={THEMES.map((value) => ({ value, label: shell(`theme.${value}`) }))}
        />
      </Flex>
    </Part>
  );
}
