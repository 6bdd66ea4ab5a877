import { Button, Card, Flex, Grid, Progress as Bar, Steps, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Schema } from "../../api/client";
import { AppStep } from "./AppStep";
import { LibraryStep } from "./LibraryStep";
import { OperatorStep } from "./OperatorStep";
import { PersonStep } from "./PersonStep";
import { RecognitionStep } from "./RecognitionStep";
import { Summary } from "./Summary";
import { type Progress, STEPS } from "./useProgress";

/** What was made in this run, for the steps after it. */
export interface Made {
  app?: Schema<"CreatedApp">;
  libraryId?: string;
  person?: Schema<"CreatedPerson">;
}

export interface StepProperties {
  progress: Progress;
  made: Made;
  onMade: (made: Made) => void;
  /** Goes to the next step. */
  onNext: () => void;
}

/** The steps, of which each can be skipped, and what became of them at the end. */
export function Setup({ progress }: { progress: Progress }) {
  const { t } = useTranslation("setup");
  const { isDone } = progress;
  const isWide = Grid.useBreakpoint().md ?? true;
  const [current, setCurrent] = useState(() => {
    const first = STEPS.findIndex((step) => !isDone[step]);
    return first === -1 ? STEPS.length : first;
  });
  const [made, setMade] = useState<Made>({});

  const titles = [...STEPS.map((step) => t(`${step}.title`)), t("summary.title")];
  const properties: StepProperties = {
    progress,
    made,
    onMade: (more) => setMade((before) => ({ ...before, ...more })),
    onNext: () => setCurrent((now) => Math.min(STEPS.length, now + 1)),
  };
  const contents = {
    operator: <OperatorStep {...properties} />,
    app: <AppStep {...properties} />,
    library: <LibraryStep {...properties} />,
    person: <PersonStep {...properties} />,
    recognition: <RecognitionStep {...properties} />,
  };
  const step = STEPS[current];
  const content = <Card>{step ? contents[step] : <Summary isDone={isDone} onOpen={setCurrent} />}</Card>;

  if (!isWide) {
    return (
      <Flex vertical gap={12}>
        <Flex align="center" justify="space-between" gap={8} style={{ minHeight: 32 }}>
          <Typography.Text strong>
            {t("position", { number: current + 1, of: titles.length, title: titles[current] })}
          </Typography.Text>
          {current > 0 && <Button onClick={() => setCurrent(current - 1)}>{t("back")}</Button>}
        </Flex>
        <Bar steps={titles.length} percent={((current + 1) / titles.length) * 100} showInfo={false} aria-hidden />
        {content}
      </Flex>
    );
  }
  return (
    <div style={{ display: "grid", gridTemplateColumns: "220px minmax(0, 1fr)", gap: 24 }}>
      <nav aria-label={t("steps")}>
        <Steps
          orientation="vertical"
          size="small"
          current={current}
          onChange={setCurrent}
          items={titles.map((title, index) => {
            const own = STEPS[index];
            const done = own !== undefined && isDone[own];
            return {
              title,
              content: done ? t("done") : undefined,
              status: index === current ? "process" : done ? "finish" : "wait",
            };
          })}
        />
      </nav>
      {content}
    </div>
  );
}
