import { Alert, Card, Flex, Segmented, Typography } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Snippet } from "../../common/Snippet";
import { translate } from "./dialects";
import { type Act, type CodeLanguage, type Dialect, DIALECTS, type Exchange, type Note } from "./dialects/types";
import { Heading } from "./Heading";
import { TabsOrSelect } from "../../common/TabsOrSelect";

/** The same act as a program does it, in each interface: request, answer, and code. */
export function AsProgram({ act }: { act: Act }) {
  const { t } = useTranslation("try");
  const [dialect, setDialect] = useState<Dialect>("rest");
  const [language, setLanguage] = useState<CodeLanguage>("curl");
  const { exchanges, notes } = useMemo(() => translate(dialect, act), [dialect, act]);
  const content = (
    <Flex vertical gap={16}>
      <Typography.Text type="secondary">{dialect === "rest" ? t("program.real") : t("program.computed")}</Typography.Text>
      <Notes notes={notes} />
      {exchanges.map((exchange) => (
        <OneExchange key={exchange.call} exchange={exchange} language={language} onLanguage={setLanguage} />
      ))}
      <Typography.Text type="secondary">{t("program.withoutFaces")}</Typography.Text>
    </Flex>
  );
  return (
    <Card title={<Heading>{t("program.title")}</Heading>} styles={{ body: { paddingTop: 8 } }}>
      <TabsOrSelect
        label={t("program.dialect")}
        value={dialect}
        onChange={setDialect}
        items={DIALECTS.map((key) => ({ key, label: t(`program.dialects.${key}`), children: dialect === key ? content : null }))}
      />
    </Card>
  );
}

function Notes({ notes }: { notes: Note[] }) {
  const { t } = useTranslation("try");
  if (notes.length === 0) return null;
  return (
    <Alert
      type="info"
      title={
        <ul style={{ margin: 0, paddingInlineStart: 18 }}>
          {notes.map(({ key, group }) => (
            <li key={key}>{t(`program.notes.${key}`, { group })}</li>
          ))}
        </ul>
      }
    />
  );
}

interface ExchangeProperties {
  exchange: Exchange;
  language: CodeLanguage;
  onLanguage: (language: CodeLanguage) => void;
}

function OneExchange({ exchange, language, onLanguage }: ExchangeProperties) {
  const { t } = useTranslation("try");
  const { answer, call, code, request, status } = exchange;
  const shown = code.find((one) => one.language === language) ?? code[0];
  return (
    <Flex vertical gap={12}>
      <Heading level={3}>
        <code>{call}</code>
      </Heading>
      <div style={{ display: "grid", gridTemplateColumns: "repeat(auto-fit, minmax(min(100%, 380px), 1fr))", gap: 16 }}>
        <div style={{ minWidth: 0 }}>
          <Typography.Text strong>{t("program.request")}</Typography.Text>
          <Snippet label={t("program.requestOf", { call })} code={request} />
        </div>
        <div style={{ minWidth: 0 }}>
          <Typography.Text strong>{t("program.answer")}</Typography.Text>{" "}
          <Typography.Text type="secondary" className="number">
            HTTP {status}
          </Typography.Text>
          <Snippet label={t("program.answerOf", { call })} code={answer} />
        </div>
      </div>
      {shown && (
        <div>
          <Segmented
            aria-label={t("program.language")}
            style={{ marginBottom: 8 }}
            value={shown.language}
            onChange={onLanguage}
            options={code.map((one) => ({ value: one.language, label: t(`program.languages.${one.language}`) }))}
          />
          <Snippet label={t("program.codeOf", { call })} code={shown.text} />
        </div>
      )}
    </Flex>
  );
}
